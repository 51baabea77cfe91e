//! The report as text.

use super::Report;
use crate::figures::{Case, Quantity, Stages, Unit};
use crate::publication::Costs;
use crate::statistics::Summary;
use std::fmt::Write;

/// All of it, top down: what was run, how to read it, each case, and what it comes to.
pub(super) fn text(report: &Report) -> String {
    let mut text = heading(report);
    if !report.cases.is_empty() {
        text += &legend(report);
    }
    for case in &report.cases {
        text += &of_case(report, case);
    }
    text += &of_stages(&report.stages);
    text += &of_quantities(&report.quantities);
    text += &of_publication(report);
    text += &goals(report);
    text += &quoted(report);
    for absent in &report.absent {
        text += &format!("\nNot measured: {absent}\n");
    }
    text
}

fn heading(report: &Report) -> String {
    let machine = &report.machine;
    let ovs = machine.open_vswitch.as_ref().map(|version| format!(", Open vSwitch {version}")).unwrap_or_default();
    let partial = if report.partial {
        "\nNOT COMPLETE: the run was interrupted or failed; this is what was finished by then.\n"
    } else {
        ""
    };
    let clock = if machine.tsc_hz == 0 { String::new() } else { format!(", TSC {} MHz", machine.tsc_hz / 1_000_000) };
    format!(
        "Causeway's packet path on one core, beside others\n\
         {}, commit {}, {}\n\
         {}, {} cores{clock}, Linux {}, {}{ovs}, load average {}\n{partial}",
        report.command,
        report.commit,
        report.date,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.dpdk,
        machine.load_average
    )
}

fn legend(report: &Report) -> String {
    format!(
        "\nHow to read it\n  \
         Each system takes the same frames from a port that replays them from memory and sends them to a port that swallows\n  \
         them, all on one core. Systems of this process take turns of {} us, other programs of a second, round by round.\n  \
         cycles       TSC cycles a packet, both ports included: the median of the rounds, and quartiles\n  \
         above ports  without what the two ports cost alone (the line \"ports\"): the work itself\n  \
         / floor      median ratio, round by round, to a C loop that does this work and nothing else: no counters, no policy\n  \
         Mpps         million packets a second at the median\n",
        report.slice_us
    )
}

fn of_case(report: &Report, case: &Case) -> String {
    let (what, each) = match case.unit {
        Unit::Packet => ("packets", "packet"),
        Unit::Copy => ("copies", "copy"),
        Unit::Drop => ("dropped packets", "drop"),
    };
    let octets = case.frame_octets.map_or("several lengths".into(), |octets| format!("{octets} octets"));
    let mut text = format!(
        "\n{}: {what} of {octets}, {} rounds\n  {:26} {:>8}  {:17} {:>11}  {:>7}  {:13} {:>7}\n",
        case.name,
        case.rounds,
        format!("cycles a {each}"),
        "median",
        "  [quartiles]",
        "above ports",
        "/ floor",
        " [quartiles]",
        "Mpps"
    );
    for system in &case.systems {
        let rate = case.unit != Unit::Copy || system.variant != "ports";
        text += &of_system(report, system, rate);
    }
    if let Some(goal) = &case.goal {
        _ = writeln!(text, "  goal {}: reached {:.3}, {}", goal.text, goal.reached, verdict(goal));
    }
    text
}

/// `with_rate`: the ports of a flood make no copies, a rate of theirs would say nothing.
fn of_system(report: &Report, system: &Summary, with_rate: bool) -> String {
    let rate = if with_rate { format!("{:7.1}", report.mpps(system.median)) } else { format!("{:>7}", "-") };
    let [low, high] = system.quartiles;
    let floor = match &system.floor {
        Some(floor) => {
            let [low, high] = floor.ratio_quartiles;
            format!("{:7.3}  [{low:.3} {high:.3}]", floor.ratio_to_floor)
        }
        None => format!("{:>7}  {:13}", "-", ""),
    };
    format!(
        "  {:26} {:8.1}  [{low:7.1} {high:7.1}] {:11.1}  {floor} {rate}\n",
        system.variant, system.median, system.above_ports
    )
}

fn verdict(goal: &crate::figures::Goal) -> String {
    if goal.met { "met".into() } else { format!("missed by {:.1} %", (goal.reached / goal.limit - 1.0).abs() * 100.0) }
}

fn of_stages(stages: &[Stages]) -> String {
    let mut text = String::new();
    for of_case in stages {
        if text.is_empty() {
            text += "\nCauseway's cycles a packet by stage (medians; reading the clock adds about one to each)\n";
        }
        let parts = of_case.stages.iter().map(|stage| format!("{} {:.1}", stage.stage, stage.cycles));
        let sum: f64 = of_case.stages.iter().map(|stage| stage.cycles).sum();
        _ = writeln!(text, "  {}: {}; all {sum:.1}", of_case.case, parts.collect::<Vec<_>>().join(", "));
    }
    text
}

fn of_publication(report: &Report) -> String {
    if report.publication.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\nWhat it costs to publish changed tables: 1,048,576 MACs, 100 changes every 10 ms\n  \
         table                         p50 us   p99 us  copied KiB  table MiB  peak +MiB  cycles a lookup  slowdown\n",
    );
    for Costs {
        table,
        p50_us,
        p99_us,
        copied_kib,
        table_mib,
        peak_mib,
        lookup_quiet_cycles,
        lookup_cycles,
        slowdown_percent,
        ..
    } in &report.publication
    {
        _ = writeln!(
            text,
            "  {table:28} {p50_us:7.0} {p99_us:8.0} {copied_kib:11.0} {table_mib:10.1} {peak_mib:10.1} \
             {lookup_quiet_cycles:7.1} > {lookup_cycles:5.1} {slowdown_percent:7.1} %"
        );
    }
    if let Some(cycles) = report.refresh_cycles {
        _ = writeln!(text, "  Looking for a new generation, once a burst: {cycles:.1} cycles");
    }
    text
}

/// What is measured beside cycles by packet.
fn of_quantities(quantities: &[Quantity]) -> String {
    let mut text = String::new();
    if !quantities.is_empty() {
        text += "\nMemory, and a worker at full load while control works (10,000 route changes a second; reloads of 1,000 VLANs)\n";
    }
    for Quantity { name, unit, value, .. } in quantities {
        _ = writeln!(text, "  {name:42} {value:10.1} {unit}");
    }
    text
}

/// Every goal in one place.
fn goals(report: &Report) -> String {
    let met = report.goals().filter(|(_, goal)| goal.met).count();
    let mut text = match report.goals().count() {
        0 => String::new(),
        all => format!("\nGoals: {met} of {all} met\n"),
    };
    let width = report.goals().map(|(_, goal)| goal.text.len()).max().unwrap_or(0);
    for (name, goal) in report.goals() {
        _ = writeln!(text, "  {name:38} {:width$} {:8.3}  {}", goal.text, goal.reached, verdict(goal));
    }
    text
}

fn quoted(report: &Report) -> String {
    let mut text = String::new();
    for quoted in report.quoted.iter().filter(|quoted| report.cases.iter().any(|case| case.name == quoted.case)) {
        if text.is_empty() {
            text += "\nQuoted, not measured in this run: no ratio can be made with the figures above\n";
        }
        let (cycles, mpps) = (quoted.cycles_per_packet, report.mpps(quoted.cycles_per_packet));
        _ = writeln!(
            text,
            "  {:28} {}: {cycles:.0} cycles ({mpps:.1} Mpps)\n    {}",
            quoted.case, quoted.system, quoted.source
        );
    }
    text
}
