//! Pools and frames: lengths, sharing by reference, and that every buffer comes home.

mod support;

use arrayvec::ArrayVec;
use dpdk::{Checksum, Eal, HEADROOM, Mbuf, Pool, PoolConfig, PoolError, SharedMbuf, Worker, free_bulk, lcore};
use std::thread;
use support::frame;

struct Bench {
    eal: Eal,
    pool: Pool,
}

fn main() {
    let eal = Eal::start(&support::config("frames")).expect("ordinary memory and a free prefix");
    let pool = support::pool(&eal, "frames");
    let bench = Bench { eal, pool };
    support::run(
        &bench,
        &[
            ("a fresh frame is empty and comes home when dropped", fresh),
            ("lengths change at both ends and stop at the buffer's", lengths),
            ("an empty pool gives nothing, and a bulk is all or nothing", exhaustion),
            ("a payload comes home in every order of dropping", every_order),
            ("a payload of several segments is shared as a whole", several_segments),
            ("a frame of several segments takes no payload and keeps its end", refusals),
            ("two workers free copies of one payload at once", two_workers),
            ("a pool that cannot be is refused by name", pool_errors),
            ("a worker is registered on its core and the clock moves", registration),
        ],
    );
}

fn fresh(bench: &Bench) {
    let frame = bench.pool.alloc().expect("the pool is full");
    assert_eq!(bench.pool.in_use(), 1);
    assert!(frame.is_empty() && frame.total_len() == 0 && frame.segments() == 1);
    assert_eq!((frame.headroom(), frame.tailroom()), (HEADROOM, bench.pool.data_room_octets()));
    assert_eq!(frame.stripped_tci(), None);
    assert_eq!((frame.ipv4_checksum(), frame.l4_checksum()), (Checksum::Unknown, Checksum::Unknown));
    drop(frame);
    assert_eq!(bench.pool.in_use(), 0);
}

fn lengths(bench: &Bench) {
    let mut frame = frame(&bench.pool, b"payload");
    frame.prepend(4).expect("headroom").copy_from_slice(b"head");
    assert_eq!(frame.octets(), b"headpayload");
    assert!(frame.trim_front(2) && frame.truncate(6));
    assert_eq!((frame.octets(), frame.len(), frame.total_len()), (&b"adpayl"[..], 6, 6));
    frame.octets_mut()[0] = b'A';
    assert_eq!(frame.octets(), b"Adpayl");

    assert!(!frame.trim_front(7) && !frame.truncate(7));
    assert!(frame.append(frame.tailroom() + 1).is_none());
    assert!(frame.prepend(frame.headroom() + 1).is_none());
    assert_eq!(frame.octets(), b"Adpayl");

    assert!(frame.prepend(frame.headroom()).is_some() && frame.append(frame.tailroom()).is_some());
    assert_eq!((frame.headroom(), frame.tailroom()), (0, 0));
    assert_eq!(frame.len(), usize::from(HEADROOM + bench.pool.data_room_octets()));
    assert!(frame.trim_front(u16::try_from(frame.len()).expect("a buffer is below 64 KiB")) && frame.is_empty());
}

fn exhaustion(bench: &Bench) {
    let mut all = Vec::new();
    while let Some(frame) = bench.pool.alloc() {
        all.push(frame);
    }
    assert_eq!((all.len(), bench.pool.available()), (4095, 0));
    all.truncate(4095 - 10);
    let mut burst = ArrayVec::<Mbuf, 32>::new();
    assert!(!bench.pool.alloc_bulk(&mut burst, 11) && burst.is_empty());
    assert!(bench.pool.alloc_bulk(&mut burst, 10) && burst.len() == 10);
    drop(all);
    assert!(!bench.pool.alloc_bulk(&mut burst, 23), "more than there is room for");
    assert!(bench.pool.alloc_bulk(&mut burst, 22) && burst.is_full());
    assert_eq!(bench.pool.in_use(), 32);
    free_bulk(&mut burst);
    assert_eq!((burst.len(), bench.pool.in_use()), (0, 0));
}

/// All orders of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, last);
            order
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

fn every_order(bench: &Bench) {
    // One copy more than the references that are taken at once, and fewer.
    for extra in [0, 30] {
        for order in orders(4) {
            let payload = frame(&bench.pool, b"the same for all");
            let place = payload.octets().as_ptr();
            let shared = SharedMbuf::from(payload);
            assert_eq!((shared.octets().as_ptr(), shared.octets()), (place, &b"the same for all"[..]));
            let copies: Vec<Mbuf> = (0..3u8).map(|to| chained(bench, &[to; 14], &shared)).collect();
            let extra: Vec<Mbuf> = (0..extra).map(|to| chained(bench, &[to; 14], &shared)).collect();
            assert_eq!(bench.pool.in_use() as usize, 4 + extra.len());
            let mut parts: Vec<Option<Part>> = copies.into_iter().map(Part::Copy).map(Some).collect();
            parts.push(Some(Part::Payload(shared)));
            drop(extra);
            for part in order {
                parts[part] = None;
            }
            assert_eq!(bench.pool.in_use(), 0);
        }
    }
}

/// What is dropped in some order.
enum Part {
    Copy(#[allow(dead_code)] Mbuf),
    Payload(#[allow(dead_code)] SharedMbuf),
}

fn chained(bench: &Bench, header: &[u8], payload: &SharedMbuf) -> Mbuf {
    let copy = payload.chain(frame(&bench.pool, header)).expect("one segment and few references");
    assert_eq!(copy.octets(), header);
    assert_eq!(copy.total_len() as usize, header.len() + payload.total_len() as usize);
    copy
}

fn several_segments(bench: &Bench) {
    let tail = SharedMbuf::from(frame(&bench.pool, b"tail"));
    let middle = chained(bench, b"middle", &tail);
    drop(tail);
    let shared = SharedMbuf::from(middle);
    let copies = [1, 2, 3].map(|to| chained(bench, &[to; 14], &shared));
    assert_eq!((copies[0].segments(), copies[0].total_len()), (3, 24));
    let mut seen = [0; 8];
    assert_eq!((copies[0].copy_out(12, &mut seen), &seen), (8, b"\x01\x01middle"));
    assert_eq!((copies[0].copy_out(18, &mut seen), &seen[..6]), (6, &b"letail"[..]));
    assert_eq!(copies[0].copy_out(24, &mut seen), 0);
    assert_eq!(bench.pool.in_use(), 5);
    drop(shared);
    assert_eq!(bench.pool.in_use(), 5);
    let mut burst: ArrayVec<Mbuf, 3> = copies.into();
    burst.pop();
    assert_eq!(bench.pool.in_use(), 4);
    free_bulk(&mut burst);
    assert_eq!(bench.pool.in_use(), 0);
    // The buffers that come out again are single segments.
    let mut burst = ArrayVec::<Mbuf, 32>::new();
    assert!(bench.pool.alloc_bulk(&mut burst, 32));
    assert!(burst.iter().all(|frame| frame.segments() == 1 && frame.total_len() == 0));
    free_bulk(&mut burst);
}

fn refusals(bench: &Bench) {
    let shared = SharedMbuf::from(frame(&bench.pool, b"payload"));
    let copy = chained(bench, b"header", &shared);
    let mut copy = shared.chain(copy).expect_err("it has a payload already");
    assert!(copy.append(1).is_none() && !copy.truncate(2));
    assert!(copy.prepend(2).is_some() && copy.trim_front(5));
    assert_eq!((copy.octets(), copy.total_len()), (&b"der"[..], 10));
    assert_eq!(shared.octets(), b"payload");
    drop((copy, shared));
    assert_eq!(bench.pool.in_use(), 0);
}

fn two_workers(bench: &Bench) {
    for _ in 0..20 {
        let payloads: Vec<SharedMbuf> = (0..50).map(|_| SharedMbuf::from(frame(&bench.pool, b"payload"))).collect();
        let copies = || payloads.iter().flat_map(|payload| (0..20).map(|to| chained(bench, &[to; 14], payload)));
        let (first, second): (Vec<Mbuf>, Vec<Mbuf>) = (copies().collect(), copies().collect());
        thread::scope(|scope| {
            for (core, frames) in [(0, first), (1, second)] {
                scope.spawn(move || {
                    let _worker = Worker::register(&bench.eal, core).expect("two cores");
                    drop(frames);
                });
            }
            drop(payloads);
        });
        assert_eq!(bench.pool.in_use(), 0);
    }
}

fn pool_errors(bench: &Bench) {
    let refuse = |config: PoolConfig| Pool::new(&bench.eal, &config).expect_err(&config.name);
    assert!(matches!(refuse(PoolConfig::new("", 1023)), PoolError::Name { .. }));
    assert!(matches!(refuse(PoolConfig::new("a name that is far too long", 1023)), PoolError::Name { .. }));
    assert!(matches!(refuse(PoolConfig::new("frames", 1023)), PoolError::Exists { .. }));
    assert!(matches!(refuse(PoolConfig::new("small", 300)), PoolError::Cache { cache: 256, mbufs: 300, .. }));
    let error = refuse(PoolConfig::new("huge", 1 << 24));
    assert!(matches!(error, PoolError::NoMemory { .. }), "{error}");
    assert!(error.to_string().contains("`huge`") && error.to_string().contains("memory.size_mb"), "{error}");
}

fn registration(bench: &Bench) {
    let check = || {
        let first = Worker::register(&bench.eal, 1).expect("core 1 is there");
        assert_eq!(first.core(), 1);
        let allowed: Vec<usize> =
            core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
        assert_eq!(allowed, [1]);
        let lcore = first.lcore();
        drop(first);
        let again = Worker::register(&bench.eal, 1).expect("the number is free again");
        assert_eq!(again.lcore(), lcore);
        assert!(Worker::register(&bench.eal, 4096).is_err());
    };
    thread::scope(|scope| scope.spawn(check).join()).expect("nothing panics");
    let before = lcore::tsc();
    assert!(lcore::tsc() > before && lcore::tsc_hz(&bench.eal) > 100_000_000);
}
