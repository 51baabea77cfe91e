use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, ThreadId};

/// Counts its drops and remembers the thread that they ran on.
struct Tracked {
    value: u64,
    drops: Arc<AtomicUsize>,
    owner: ThreadId,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.owner, "a snapshot was freed off the control thread");
        self.drops.fetch_add(1, SeqCst);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish,
    Refresh(usize),
    Collect,
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Publish),
        5 => (0usize..4).prop_map(Step::Refresh),
        1 => Just(Step::Collect),
        1 => (0usize..4).prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn every_version_is_current_retired_or_dropped_exactly_once(steps in steps()) {
        let drops = Arc::new(AtomicUsize::new(0));
        let owner = thread::current().id();
        let tracked = |value| Tracked { value, drops: Arc::clone(&drops), owner };
        let mut publisher = Publisher::new(tracked(1));
        let mut readers: Vec<Option<Reader<Tracked>>> = (0..4).map(|_| Some(publisher.reader())).collect();
        for step in steps {
            match step {
                Step::Publish => {
                    let next = publisher.generation() + 1;
                    prop_assert_eq!(publisher.publish(tracked(next)), next);
                }
                Step::Refresh(i) => {
                    let expected = publisher.generation();
                    if let Some(reader) = &mut readers[i] {
                        prop_assert_eq!(reader.refresh().value, expected);
                        prop_assert_eq!(reader.generation(), expected);
                    }
                }
                Step::Collect => { publisher.collect(); }
                Step::Leave(i) => readers[i] = None,
            }
            let held = publisher.collect();
            let made = publisher.generation() as usize;
            prop_assert_eq!(made, 1 + held + drops.load(SeqCst));
            let oldest = readers.iter().flatten().map(Reader::generation).min().unwrap_or(publisher.generation());
            prop_assert_eq!(publisher.oldest_in_use(), oldest);
        }
    }
}

#[test]
fn readers_on_other_threads_see_growing_versions_and_free_none() {
    let drops = Arc::new(AtomicUsize::new(0));
    let owner = thread::current().id();
    let tracked = |value| Tracked { value, drops: Arc::clone(&drops), owner };
    let mut publisher = Publisher::new(tracked(1));
    let last = 2_000;
    let spinning: Vec<_> = (0..2)
        .map(|_| {
            let mut reader = publisher.reader();
            thread::spawn(move || {
                let mut seen = 0;
                while seen < last {
                    let now = reader.refresh().value;
                    assert!(now >= seen);
                    seen = now;
                }
            })
        })
        .collect();
    for value in 2..=last {
        publisher.publish(tracked(value));
    }
    for thread in spinning {
        thread.join().expect("the reader's assertions hold");
    }
    assert_eq!(publisher.collect(), 0);
    assert_eq!(drops.load(SeqCst) as u64, last - 1);
}
