use super::*;
use std::net::Ipv4Addr;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));

fn vlan(id: u32) -> VlanId {
    VlanId::try_from(id).expect("a legal id")
}

fn place(port: usize, id: u32) -> Place {
    Place { port: PortIndex::new(port).expect("a port"), vlan: vlan(id), inner: None }
}

fn member(n: u64) -> Member {
    Member { mac: MacAddr::from_bits(0x0200_0000_0000 + n), tags: Vec::new() }
}

/// Announcements on VLANs 1 to `vlans` of both ports, with `members` behind the fabric, and a clock.
struct Bench {
    announcements: Announcements,
    now: Instant,
    /// The interface's row, and the frame.
    sent: Vec<(usize, Vec<u8>)>,
    cut: Vec<(Place, usize)>,
    room: usize,
}

impl Bench {
    fn new(vlans: u32, members: Vec<Member>) -> Self {
        let now = Instant::now();
        let mut announcements = Announcements::new(now);
        let members: Arc<[Member]> = members.into();
        let segment = |row| Segment {
            vif: VifIndex::new(row).expect("a row"),
            router: [ROUTER, SERVICE].into(),
            members: Arc::clone(&members),
        };
        let places = (0..2).flat_map(|port| (1..=vlans).map(move |id| (port, id)));
        announcements
            .set_segments(places.map(|(port, id)| (place(port, id), segment(port * 10_000 + id as usize))).collect());
        Self { announcements, now, sent: Vec::new(), cut: Vec::new(), room: usize::MAX }
    }

    fn turn(&mut self) {
        let (sent, room) = (&mut self.sent, self.room);
        let before = sent.len();
        let mut send = |vif: VifIndex, frame: &[u8]| {
            let taken = sent.len() - before < room;
            if taken {
                sent.push((vif.row(), frame.to_vec()));
            }
            taken
        };
        self.cut.extend(self.announcements.turn(self.now, &mut send));
    }

    /// Turns as control does until so much time has passed.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.turn();
        while let Some(pause) = self.announcements.pause(self.now).filter(|pause| self.now + *pause <= end) {
            self.now += pause;
            self.turn();
        }
        self.now = end;
    }

    fn router_frames(&self) -> usize {
        self.sent.iter().filter(|(_, frame)| frame[6..12] == MacAddr::VIRTUAL_ROUTER.octets()).count()
    }
}

#[test]
fn the_router_is_announced_twice_and_the_second_time_two_seconds_later() {
    let mut bench = Bench::new(1, vec![]);
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.pass(Duration::from_millis(1_999));
    let both = [ROUTER, SERVICE].map(|address| (1, frames::router_has(address).to_vec()));
    assert_eq!(bench.sent, both);
    bench.pass(Duration::from_millis(10));
    assert_eq!(bench.sent, [both.clone(), both].concat());
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.sent.len(), bench.announcements.pause(bench.now)), (4, None));
}

#[test]
fn a_port_that_is_there_tells_all_its_vlans_and_no_other_port_s() {
    let mut bench = Bench::new(4_094, vec![]);
    bench.announcements.port_is_there(bench.now, place(1, 1).port);
    bench.pass(Duration::from_millis(100));
    // 4,000 a second, and the burst.
    assert!((300..=470).contains(&bench.sent.len()), "{} at once", bench.sent.len());
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.sent.len(), 4_094 * 2 * 2);
    assert!(bench.sent.iter().all(|(row, _)| *row > 10_000));
}

#[test]
fn members_are_announced_slowly_a_few_on_each_vlan_and_the_rest_is_told() {
    let mut bench = Bench::new(4, (0..100).map(member).collect());
    bench.announcements.port_is_there(bench.now, place(0, 1).port);
    bench.pass(Duration::from_millis(500));
    let members = bench.sent.len() - bench.router_frames();
    assert!((100..=150).contains(&members), "{members} in half a second");
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.sent.len() - bench.router_frames(), 4 * MOST_MEMBERS);
    assert_eq!(bench.cut, (1..=4).map(|id| (place(0, id), 100 - MOST_MEMBERS)).collect::<Vec<_>>());
    let first = bench.sent.iter().find(|(_, frame)| frame[6..12] != MacAddr::VIRTUAL_ROUTER.octets());
    assert_eq!(first, Some(&(1, frames::station_is_here(member(0).mac).to_vec())));
}

#[test]
fn members_are_announced_once_a_round_of_probes_however_many_appear_and_nobody_is_forgotten() {
    let mut bench = Bench::new(1, vec![member(1)]);
    let members = |bench: &Bench| bench.sent.len() - bench.router_frames();
    for _ in 0..9 {
        bench.announcements.somebody_is_there(bench.now, place(0, 1));
        bench.pass(Duration::from_millis(100));
    }
    assert_eq!(members(&bench), 1);
    bench.pass(MEMBERS_EVERY);
    assert_eq!(members(&bench), 2, "once more for all that came after the first");
    bench.pass(MEMBERS_EVERY * 2);
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.pass(Duration::from_millis(100));
    assert_eq!(members(&bench), 3);
}

#[test]
fn a_vlan_that_has_to_wait_does_not_stand_in_front_of_another() {
    let mut bench = Bench::new(2, vec![member(1)]);
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.pass(Duration::from_millis(100));
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.announcements.somebody_is_there(bench.now, place(0, 2));
    bench.pass(Duration::from_millis(100));
    let told: Vec<usize> = bench.sent.iter().filter(|(_, f)| f[12..14] == [0x80, 0x35]).map(|(row, _)| *row).collect();
    assert_eq!(told, [1, 2]);
}

#[test]
fn a_station_that_another_gateway_has_on_the_same_vlan_is_not_announced_there() {
    let elsewhere = Member { tags: vec![(vlan(2), None)], ..member(1) };
    let mut bench = Bench::new(3, vec![elsewhere]);
    bench.announcements.port_is_there(bench.now, place(0, 1).port);
    bench.pass(Duration::from_secs(5));
    let mut told: Vec<usize> =
        bench.sent.iter().filter(|(_, f)| f[12..14] == [0x80, 0x35]).map(|(row, _)| *row).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 3]);
}

#[test]
fn nothing_is_announced_on_a_port_that_is_gone() {
    let mut bench = Bench::new(100, (0..10).map(member).collect());
    bench.announcements.port_is_there(bench.now, place(0, 1).port);
    bench.turn();
    let before = bench.sent.len();
    bench.announcements.port_is_gone(place(0, 1).port);
    bench.pass(Duration::from_secs(10));
    assert_eq!((bench.sent.len(), bench.announcements.pause(bench.now)), (before, None));
    bench.announcements.port_is_there(bench.now, place(0, 1).port);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.sent.len() - before, 100 * 4 + 100 * 10);
}

#[test]
fn what_finds_no_room_goes_later_and_once() {
    let mut bench = Bench::new(1, vec![member(1), member(2)]);
    bench.room = 1;
    bench.announcements.somebody_is_there(bench.now, place(0, 1));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent.len(), 2 + 2);
    let mut frames: Vec<_> = bench.sent.iter().map(|(_, frame)| frame.clone()).collect();
    frames.sort();
    frames.dedup();
    assert_eq!(frames.len(), 4);
}

#[test]
fn a_vlan_that_is_taken_away_is_skipped() {
    let mut bench = Bench::new(2, vec![member(1)]);
    bench.announcements.port_is_there(bench.now, place(0, 1).port);
    let kept = bench.announcements.segments.remove(&place(0, 2)).map(|segment| (place(0, 2), segment));
    bench.announcements.set_segments(kept.into_iter().collect());
    bench.pass(Duration::from_secs(5));
    assert!(bench.sent.iter().all(|(row, _)| *row == 2) && bench.sent.len() == 2 * 2 + 1);
}
