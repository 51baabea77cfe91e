use super::*;
use std::os::unix::fs::symlink;

const MEMORY: Memory = Memory::Hugepages { size_mb: 512 };

/// A tree as the kernel would show it, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(test: &str) -> Self {
        let root = std::env::temp_dir().join(format!("cwtest-dpdk-pci-{test}-{}", std::process::id()));
        fs::create_dir_all(root.join("sys/bus/pci/devices")).expect("temporary directory");
        Self(root)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("temporary directory");
        fs::write(path, text).expect("temporary file");
    }

    /// A function with its driver and IOMMU group.
    fn function(&self, address: &str, driver: Option<&str>, group: Option<&str>) {
        let function = self.0.join("sys/bus/pci/devices").join(address);
        fs::create_dir_all(&function).expect("temporary directory");
        if let Some(driver) = driver {
            symlink(format!("../../../bus/pci/drivers/{driver}"), function.join("driver")).expect("new link");
        }
        if let Some(group) = group {
            symlink(format!("../../../kernel/iommu_groups/{group}"), function.join("iommu_group")).expect("new link");
            let members = self.0.join("sys/kernel/iommu_groups").join(group).join("devices");
            fs::create_dir_all(&members).expect("temporary directory");
            symlink(&function, members.join(address)).expect("new link");
        }
    }

    fn says(&self, address: &str) -> String {
        let address = address.parse().expect("an address");
        Root(&self.0).check(address, MEMORY).expect_err("something is wrong").to_string()
    }

    fn is_fit(&self, address: &str) -> bool {
        Root(&self.0).check(address.parse().expect("an address"), MEMORY).is_ok()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_function_with_vfio_in_a_group_of_its_own_is_fit() {
    let tree = Tree::new("fit");
    tree.function("0000:3b:00.0", Some("vfio-pci"), Some("17"));
    tree.write("dev/vfio/vfio", "");
    tree.write("dev/vfio/17", "");
    assert!(tree.is_fit("0000:3b:00.0"));
}

#[test]
fn what_a_kernel_driver_holds_is_named_with_the_command_that_binds_it() {
    let tree = Tree::new("driver");
    tree.function("0000:3b:00.0", Some("ixgbe"), Some("17"));
    tree.function("0000:3b:00.1", None, Some("18"));
    let text = tree.says("0000:3b:00.0");
    assert!(text.contains("`ixgbe`") && text.contains("bind-nic bind 0000:3b:00.0"), "{text}");
    assert!(tree.says("0000:3b:00.1").starts_with("no kernel driver holds it"));
}

#[test]
fn functions_that_dpdk_drives_beside_the_kernel_and_uio_are_left_alone() {
    let tree = Tree::new("beside");
    tree.function("0000:5e:00.0", Some("mlx5_core"), Some("20"));
    tree.function("0000:5e:00.1", Some("igb_uio"), None);
    assert!(tree.is_fit("0000:5e:00.0") && tree.is_fit("0000:5e:00.1"));
}

#[test]
fn a_function_that_is_not_there_is_the_ports_business() {
    assert!(Tree::new("absent").is_fit("0000:fe:1f.7"));
}

#[test]
fn a_group_shared_with_a_kernel_driver_is_named_with_the_others() {
    let tree = Tree::new("shared");
    tree.function("0000:3b:00.0", Some("vfio-pci"), Some("17"));
    tree.function("0000:3b:00.1", Some("ixgbe"), Some("17"));
    tree.function("0000:3a:00.0", Some("pcieport"), Some("17"));
    tree.function("0000:3b:00.2", None, Some("17"));
    let text = tree.says("0000:3b:00.0");
    assert!(text.contains("IOMMU group 17") && text.contains("hold: 0000:3b:00.1 (ixgbe)."), "{text}");
}

#[test]
fn no_group_and_missing_device_files_say_what_to_switch_on() {
    let tree = Tree::new("files");
    tree.function("0000:3b:00.0", Some("vfio-pci"), None);
    assert!(tree.says("0000:3b:00.0").contains("intel_iommu=on"));
    tree.function("0000:3b:00.1", Some("vfio-pci"), Some("17"));
    assert!(tree.says("0000:3b:00.1").contains("modprobe vfio-pci"));
    tree.write("dev/vfio/vfio", "");
    assert!(tree.says("0000:3b:00.1").contains("dev/vfio/17: No such file"));
}

#[test]
fn a_group_without_an_iommu_has_a_file_of_another_name_and_asks_for_a_capability() {
    let tree = Tree::new("noiommu");
    tree.function("0000:00:03.0", Some("vfio-pci"), Some("0"));
    tree.write("sys/kernel/iommu_groups/0/name", "vfio-noiommu\n");
    tree.write("dev/vfio/vfio", "");
    let text = tree.says("0000:00:03.0");
    assert!(text.contains("dev/vfio/noiommu-0") && text.contains("CAP_SYS_RAWIO"), "{text}");
    tree.write("dev/vfio/noiommu-0", "");
    assert!(tree.is_fit("0000:00:03.0"));
}

#[test]
fn a_limit_of_locked_memory_counts_only_without_the_capability() {
    let tree = Tree::new("limit");
    tree.function("0000:3b:00.0", Some("vfio-pci"), Some("17"));
    tree.write("dev/vfio/vfio", "");
    tree.write("dev/vfio/17", "");
    tree.write("proc/self/limits", "Max locked memory         8388608              8388608              bytes     \n");
    tree.write("proc/self/status", "Name:\tcausewayd\nCapEff:\t0000000000001000\n");
    let text = tree.says("0000:3b:00.0");
    assert!(text.contains("512 MB") && text.contains("8 MB may be") && text.contains("LimitMEMLOCK"), "{text}");
    tree.write("proc/self/status", "Name:\tcausewayd\nCapEff:\t0000000000005000\n");
    assert!(tree.is_fit("0000:3b:00.0"));
    tree.write("proc/self/status", "Name:\tcausewayd\nCapEff:\t0000000000001000\n");
    tree.write("proc/self/limits", "Max locked memory         unlimited            unlimited            bytes     \n");
    assert!(tree.is_fit("0000:3b:00.0"));
}
