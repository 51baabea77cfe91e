//! All interleavings of one publisher and its readers, by loom: `RUSTFLAGS="--cfg loom" cargo test -p rcu --release`.

use super::*;

/// Values are their own generation, so a torn or stale pair shows.
fn check(reader: &mut Reader<u64>, before: u64) -> u64 {
    let value = *reader.refresh();
    assert_eq!(value, reader.generation());
    assert!(value >= before);
    value
}

#[test]
fn a_reader_sees_whole_and_growing_versions() {
    loom::model(|| {
        let mut publisher = Publisher::new(1u64);
        let mut reader = publisher.reader();
        let thread = loom::thread::spawn(move || {
            let first = check(&mut reader, 1);
            check(&mut reader, first);
        });
        publisher.publish(2);
        publisher.publish(3);
        thread.join().expect("the reader's assertions hold");
        assert_eq!(publisher.collect(), 0);
    });
}

#[test]
fn the_bound_for_reuse_never_passes_a_reader() {
    loom::model(|| {
        let mut publisher = Publisher::new(1u64);
        let mut reader = publisher.reader();
        let thread = loom::thread::spawn(move || {
            reader.refresh();
            reader
        });
        publisher.publish(2);
        let bound = publisher.oldest_in_use();
        let reader = thread.join().expect("the reader's assertions hold");
        assert!(bound <= reader.generation());
    });
}
