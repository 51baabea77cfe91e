use super::*;
use std::net::Ipv4Addr;

const ACCESS0: PortIndex = match PortIndex::new(0) {
    Some(port) => port,
    None => unreachable!(),
};
const ACCESS1: PortIndex = match PortIndex::new(1) {
    Some(port) => port,
    None => unreachable!(),
};

fn vif(row: usize) -> VifIndex {
    VifIndex::new(row).expect("a test has few VMIs")
}

fn target(row: usize) -> Target {
    Target {
        vmi: format!("vmi{row}").into(),
        vif: vif(row),
        port: if row.is_multiple_of(2) { ACCESS0 } else { ACCESS1 },
        mac: MacAddr::from_bits(0x0200_0000_0000 + row as u64),
        address: Ipv4Addr::from_bits(0x0a00_0000 + row as u32).into(),
        source: None,
        since_generation: 5,
    }
}

/// Probes of so many addresses, with a clock.
struct Bench {
    probes: Probes,
    now: Instant,
    asked: Vec<usize>,
    /// Whether the channel to the worker has room.
    room: bool,
}

impl Bench {
    fn new(count: usize) -> Self {
        let (mut probes, now) = (Probes::default(), Instant::now());
        probes.set_targets(now, (0..count).map(target).collect());
        let mut bench = Self { probes, now, asked: Vec::new(), room: true };
        bench.turn();
        bench
    }

    fn turn(&mut self) {
        let (asked, room) = (&mut self.asked, self.room);
        self.probes.turn(self.now, |target| {
            asked.push(target.vif.row());
            room
        });
    }

    /// Turns as control does, as soon as it is worth while and every 100 ms at least; returns the most asked in a turn.
    fn pass(&mut self, time: Duration) -> usize {
        let (end, mut most) = (self.now + time, 0);
        while self.now < end {
            self.now += self.probes.pause(self.now).unwrap_or(Duration::MAX).min(Duration::from_millis(100));
            let before = self.asked.len();
            self.turn();
            most = most.max(self.asked.len() - before);
        }
        most
    }

    fn hear_by(&mut self, row: usize, how: HeardHow, generation: u64) {
        let Target { vif, mac, address, .. } = target(row);
        self.probes.hear(self.now, generation, &Heard { vif, address, mac, how });
    }

    fn hear(&mut self, row: usize) {
        self.hear_by(row, HeardHow::Reply, 9);
    }

    fn state(&self, row: usize) -> State {
        self.probes.entries()[row].1.state
    }

    fn changes(&mut self) -> Vec<(usize, State)> {
        self.probes.take_changes().into_iter().map(|change| (change.at, change.now)).collect()
    }
}

#[test]
fn ten_thousand_vmis_are_each_asked_once_a_period_and_never_in_bursts() {
    const COUNT: usize = 10_000;
    let mut bench = Bench::new(COUNT);
    let most = bench.pass(PERIOD * 3);
    // 5,000 a second in turns of 5 ms.
    assert!(most <= 26, "{most} at once");
    let mut times = vec![0; COUNT];
    bench.asked.iter().for_each(|row| times[*row] += 1);
    assert!(times.iter().all(|times| (2..=4).contains(times)));
    let asked = bench.asked.len();
    assert!((COUNT * 3 - COUNT / 100..=COUNT * 3 + COUNT / 100).contains(&asked), "{asked} in three periods");
}

#[test]
fn the_pause_between_two_turns_is_as_long_as_the_addresses_allow() {
    assert_eq!(Probes::default().pause(Instant::now()), None);
    for (count, pause) in [(1, 2_000), (4, 500), (10_000, 5), (131_072, 5)] {
        let bench = Bench::new(count);
        assert_eq!(bench.probes.pause(bench.now), Some(Duration::from_millis(pause)), "{count} addresses");
    }
}

#[test]
fn a_turn_that_comes_late_asks_no_more_than_the_next_ones() {
    let mut bench = Bench::new(10_000);
    bench.now += Duration::from_secs(60);
    bench.turn();
    assert_eq!(bench.asked.len(), 125, "what is due in 25 ms");
    bench.turn();
    assert_eq!(bench.asked.len(), 125, "the rest is not made up for");
    let mut many = Bench::new(131_072);
    many.now += Duration::from_secs(1);
    many.turn();
    assert_eq!(many.asked.len(), MOST_A_TURN);
}

#[test]
fn whoever_answers_is_reachable_until_three_questions_go_unanswered() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.state(0), State::Unknown);
    bench.pass(PERIOD);
    bench.hear(0);
    assert_eq!(bench.changes(), [(0, State::Reachable)]);
    for _ in 0..10 {
        bench.pass(PERIOD);
        bench.hear(0);
    }
    assert_eq!((bench.state(0), bench.state(1)), (State::Reachable, State::Unreachable));
    assert_eq!(bench.changes(), [(1, State::Unreachable)]);
    let asked = bench.asked.iter().filter(|row| **row == 0).count();
    let last = bench.now;
    while bench.state(0) == State::Reachable {
        bench.pass(Duration::from_millis(500));
    }
    let unanswered = bench.asked.iter().filter(|row| **row == 0).count() - asked;
    assert_eq!(unanswered, MISSED as usize + 1, "three, and the one that was due when it was given up");
    assert!(bench.now - last <= PERIOD * (MISSED + 1));
    assert_eq!(bench.probes.entries()[0].1.heard, Some(last));
    bench.hear(0);
    assert_eq!(bench.changes(), [(0, State::Unreachable), (0, State::Reachable)]);
}

#[test]
fn a_question_that_could_not_be_sent_is_held_against_nobody() {
    let mut bench = Bench::new(1);
    bench.hear(0);
    bench.room = false;
    bench.pass(PERIOD * 20);
    assert_eq!(bench.state(0), State::Reachable);
}

#[test]
fn an_announcement_counts_and_a_search_for_a_free_address_does_not() {
    let mut bench = Bench::new(2);
    bench.hear_by(0, HeardHow::Probe, 9);
    assert_eq!(bench.changes(), []);
    bench.hear_by(0, HeardHow::Announcement, 9);
    assert_eq!(bench.changes(), [(0, State::Reachable)]);
}

#[test]
fn what_was_heard_by_tables_without_the_interface_is_of_another_one_s() {
    let mut bench = Bench::new(1);
    bench.hear_by(0, HeardHow::Reply, 4);
    assert_eq!(bench.state(0), State::Unknown);
    bench.hear_by(0, HeardHow::Reply, 5);
    assert_eq!(bench.state(0), State::Reachable);
    bench.hear_by(7, HeardHow::Reply, 5);
}

#[test]
fn behind_a_port_that_cannot_be_used_nobody_is_there_or_asked() {
    let mut bench = Bench::new(4);
    (0..4).for_each(|row| bench.hear(row));
    bench.changes();
    bench.probes.set_port(bench.now, ACCESS0, false);
    assert_eq!(bench.changes(), [(0, State::PortDown), (2, State::PortDown)]);
    bench.hear(0);
    assert_eq!(bench.state(0), State::PortDown);
    bench.asked.clear();
    bench.pass(PERIOD * 2);
    assert!(bench.asked.iter().all(|row| row % 2 == 1) && bench.asked.len() >= 4);
    bench.probes.set_port(bench.now, ACCESS0, true);
    assert_eq!((bench.state(0), bench.state(2)), (State::Unknown, State::Unknown));
    bench.hear(0);
    assert_eq!(bench.state(0), State::Reachable);
}

#[test]
fn a_reload_keeps_what_is_known_of_the_addresses_that_stay() {
    let mut bench = Bench::new(3);
    bench.hear(1);
    bench.probes.set_port(bench.now, ACCESS0, false);
    bench.now += PERIOD;
    // The first goes, the second gets another row, one behind the dead port comes.
    let moved = Target { vif: vif(9), ..target(1) };
    bench.probes.set_targets(bench.now, vec![moved, target(2), target(4)]);
    let states: Vec<State> = bench.probes.entries().iter().map(|(_, known)| known.state).collect();
    assert_eq!(states, [State::Reachable, State::PortDown, State::PortDown]);
    bench.probes.set_targets(bench.now, vec![]);
    bench.pass(PERIOD);
    assert_eq!(bench.probes.pause(bench.now), None);
}
