use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// Keys from a small range meet often; keys that share low hash bits come from a fixed stride.
fn keys() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..400, any::<u64>(), (0u64..64).prop_map(|k| k << 48)]
}

fn agree(map: &CowMap, oracle: &HashMap<u64, u32>) -> Result<(), TestCaseError> {
    prop_assert_eq!(map.len(), oracle.len());
    let mut all: Vec<_> = map.iter().collect();
    all.sort_unstable();
    let mut expected: Vec<_> = oracle.iter().map(|(k, v)| (*k, *v)).collect();
    expected.sort_unstable();
    prop_assert_eq!(all, expected);
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_the_standard_map(
        seed: u64,
        steps in proptest::collection::vec((keys(), proptest::option::weighted(0.7, 1u32..)), 0..1500),
        probes in proptest::array::uniform32(keys()),
    ) {
        let (mut map, mut oracle) = (CowMap::new(seed), HashMap::new());
        for (key, value) in steps {
            match value {
                Some(v) => prop_assert_eq!(map.insert(key, v), Ok(oracle.insert(key, v))),
                None => prop_assert_eq!(map.remove(key), oracle.remove(&key)),
            }
        }
        agree(&map, &oracle)?;
        let mut values = [7; 32];
        map.lookup_burst(&probes, 32, &mut values);
        for (key, value) in probes.iter().zip(values) {
            prop_assert_eq!(value, oracle.get(key).copied().unwrap_or(0));
            prop_assert_eq!(map.lookup(*key), oracle.get(key).copied());
        }
    }

    #[test]
    fn a_clone_does_not_see_later_changes(
        before in proptest::collection::vec((keys(), 1u32..), 0..600),
        after in proptest::collection::vec((keys(), proptest::option::of(1u32..)), 0..600),
    ) {
        let (mut map, mut oracle) = (CowMap::new(1), HashMap::new());
        for (key, value) in before {
            map.insert(key, value).unwrap();
            oracle.insert(key, value);
        }
        let snapshot = map.clone();
        for (key, value) in after {
            match value {
                Some(v) => { map.insert(key, v).unwrap(); }
                None => { map.remove(key); }
            }
        }
        agree(&snapshot, &oracle)?;
    }
}

#[test]
fn two_hundred_thousand_keys_are_all_found_and_take_memory_in_proportion() {
    let mut map = CowMap::new(0x1234_5678_9abc_def0);
    let key = |i: u64| i.wrapping_mul(0x0002_0000_1001).rotate_left(7);
    for i in 0..200_000 {
        map.insert(key(i), i as u32 + 1).unwrap();
    }
    assert!((0..200_000).all(|i| map.lookup(key(i)) == Some(i as u32 + 1)));
    assert!((200_000..400_000).all(|i| map.lookup(key(i)).is_none()));
    assert!(map.octets() < 200_000 * 96, "{} octets an entry", map.octets() / 200_000);
}

#[test]
fn a_change_copies_a_segment_a_chunk_and_the_root_and_the_next_one_to_the_segment_nothing() {
    let mut before = CowMap::new(7);
    (0..100_000).for_each(|key| assert_eq!(before.insert(key, 1), Ok(None)));
    let mut after = before.clone();
    let root = after.root.len() * 8;
    assert_eq!(after.octets_beyond(&before), root);
    for value in 2..5 {
        after.insert(77, value).unwrap();
        assert_eq!(after.octets_beyond(&before), root + 512 + 4160);
    }
}

#[test]
fn crafted_keys_are_refused_and_leave_the_map_as_it_was() {
    let mut map = CowMap::new(0);
    let crafted = (0u64..).filter(|&k| map.hash(k) % 4096 == 5).take(usize::from(FULL) + 1);
    let crafted: Vec<u64> = crafted.collect();
    let (last, first) = crafted.split_last().unwrap();
    for key in first {
        map.insert(*key, 1).unwrap();
    }
    assert_eq!(map.insert(*last, 1), Err(MapFull));
    assert_eq!(map.len(), first.len());
    assert!(first.iter().all(|k| map.lookup(*k) == Some(1)));
    assert_eq!(map.insert(first[0], 9), Ok(Some(1)));
}
