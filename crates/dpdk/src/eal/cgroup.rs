//! How much memory the control group leaves: a process that takes more is killed by the kernel, without a word of its own.

use std::fs;
use std::path::{Path, PathBuf};

/// The room under the tightest limit that holds for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The limit, in octets.
    pub(super) limit_octets: u64,
    /// What is left of it, the cache of files counted as free.
    pub(super) free_octets: u64,
}

/// The two kinds of hierarchy, with the names of their files.
struct Kind {
    second: bool,
    limit: &'static str,
    usage: &'static str,
    cache: [&'static str; 2],
}

const V1: Kind = Kind {
    second: false,
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cache: ["total_active_file", "total_inactive_file"],
};
const V2: Kind =
    Kind { second: true, limit: "memory.max", usage: "memory.current", cache: ["active_file", "inactive_file"] };

/// `None` where no limit is set, or none can be seen.
pub(super) fn room() -> Option<Room> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    tightest(&groups, &mounts)
}

/// `groups` and `mounts` as `/proc/self/cgroup` and `/proc/self/mountinfo` have them (man pages cgroups(7), proc(5)).
fn tightest(groups: &str, mounts: &str) -> Option<Room> {
    let hierarchies = mounts.lines().filter_map(|mount| hierarchy(groups, mount));
    hierarchies
        .flat_map(|(kind, directories)| directories.into_iter().filter_map(move |d| read(kind, &d)))
        .min_by_key(|room| room.free_octets)
}

/// If `mount` is a hierarchy with memory limits: its kind, and the directories of our group and of those above it.
fn hierarchy(groups: &str, mount: &str) -> Option<(&'static Kind, Vec<PathBuf>)> {
    let (before, after) = mount.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut fields = after.split(' ');
    let kind = match fields.next()? {
        "cgroup" if fields.nth(1)?.split(',').any(|option| option == "memory") => &V1,
        "cgroup2" => &V2,
        _ => return None,
    };
    let group = groups.lines().find_map(|line| group_in(kind, line))?;
    // A container may see its own group only, as the root of the mount.
    let below = group.strip_prefix(root).unwrap_or("").trim_start_matches('/');
    let point = Path::new(point);
    let own = point.join(below);
    Some((kind, own.ancestors().take_while(|directory| directory.starts_with(point)).map(Path::to_owned).collect()))
}

/// The group that a line `id:controllers:path` names, if it is about a hierarchy of this kind; the second kind names no controllers.
fn group_in<'a>(kind: &Kind, line: &'a str) -> Option<&'a str> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let fits = if kind.second { controllers.is_empty() } else { controllers.split(',').any(|name| name == "memory") };
    fits.then_some(path)
}

fn read(kind: &Kind, directory: &Path) -> Option<Room> {
    let number = |file: &str| fs::read_to_string(directory.join(file)).ok()?.trim().parse::<u64>().ok();
    let limit_octets = number(kind.limit)?;
    let used = number(kind.usage)?;
    let stat = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
    let cache = stat.lines().filter_map(|line| line.split_once(' '));
    let cache = cache.filter(|(name, _)| kind.cache.contains(name)).filter_map(|(_, n)| n.parse::<u64>().ok()).sum();
    Some(Room { limit_octets, free_octets: limit_octets.saturating_sub(used.saturating_sub(cache)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed at the end.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let tree = std::env::temp_dir().join(format!("cwtest-dpdk-cgroup-{name}-{}", std::process::id()));
            for (file, content) in files {
                let file = tree.join(file);
                fs::create_dir_all(file.parent().expect("it has one")).expect("temporary directory");
                fs::write(file, content).expect("temporary file");
            }
            Self(tree)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn the_tightest_group_of_those_above_counts() {
        let tree = Tree::new(
            "v2",
            &[
                ("a/b/memory.max", "max\n"),
                ("a/b/memory.current", "10\n"),
                ("a/memory.max", "1000\n"),
                ("a/memory.current", "700\n"),
                ("a/memory.stat", "anon 5\ninactive_file 100\nactive_file 50\nfile 400\n"),
            ],
        );
        let mounts = format!("30 20 0:26 / {} rw,nosuid - cgroup2 cgroup2 rw\n", tree.0.display());
        let room = tightest("0::/a/b\n", &mounts);
        assert_eq!(
            room,
            Some(Room { limit_octets: 1000, free_octets: 450 }),
            "the cache of files is given up when it is needed"
        );
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root_of_the_mount() {
        let tree = Tree::new(
            "v1",
            &[
                ("memory.limit_in_bytes", "2000\n"),
                ("memory.usage_in_bytes", "500\n"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 20\ntotal_active_file 30\n"),
            ],
        );
        let mounts = format!("41 40 0:30 /docker/f00 {} ro master:9 - cgroup cgroup rw,memory\n", tree.0.display());
        let room = tightest("9:cpu,cpuacct:/else\n8:memory:/docker/f00\n0::/\n", &mounts);
        assert_eq!(room, Some(Room { limit_octets: 2000, free_octets: 1550 }));
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_say() {
        let tree = Tree::new("none", &[("memory.max", "max\n"), ("memory.current", "10\n")]);
        let mounts =
            format!("30 20 0:26 / {} rw - cgroup2 cgroup2 rw\n29 20 0:5 / /proc rw - proc proc rw\n", tree.0.display());
        assert_eq!(tightest("0::/\n", &mounts), None);
        assert_eq!(tightest("", ""), None);
        assert_eq!(tightest("nonsense", "nonsense - nonsense"), None);
    }
}
