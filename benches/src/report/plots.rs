//! The report as pictures: bars of cycles per packet with the peers beside, and the stages stacked.

use super::Report;
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text};
use plotters::style::Color;
use std::path::Path;

const WIDTH: u32 = 960;
/// Where bars begin and end; left of that are labels, right of it figures.
const LEFT: i32 = 250;
const RIGHT: i32 = 800;
const LINE: i32 = 26;
const BAR: i32 = 18;
const TOP: i32 = 34;

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const OWN: RGBColor = RGBColor(0x1b, 0x6e, 0xc2);
const FLOOR: RGBColor = RGBColor(0x8a, 0x8a, 0x8a);
const PEER: RGBColor = RGBColor(0xd9, 0x82, 0x2b);
/// Not of this run.
const QUOTED: RGBColor = RGBColor(0xf0, 0xcf, 0xa8);
/// Of stages, in their order; distinct also to those who see few colours.
const STAGES: [RGBColor; 10] = [
    RGBColor(0x1b, 0x6e, 0xc2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xf0, 0xe4, 0x42),
    RGBColor(0x8a, 0x8a, 0x8a),
    RGBColor(0x66, 0x33, 0x99),
    RGBColor(0x33, 0x33, 0x33),
];

/// A bar: what it stands for, its parts in cycles with their colours, and what is written behind it.
struct Bar {
    label: String,
    parts: Vec<(f64, RGBColor)>,
    figure: String,
}

impl Bar {
    fn length(&self) -> f64 {
        self.parts.iter().map(|(cycles, _)| cycles).sum()
    }
}

/// Bars below a title.
struct Panel {
    title: String,
    bars: Vec<Bar>,
    /// A thin line through all bars, at so many cycles.
    mark: Option<f64>,
}

/// `peers.svg` and `stages.svg`, each if there is something to draw.
pub(super) fn draw(report: &Report, directory: &Path) -> Result<()> {
    let ways = [("to-fabric", "To the fabric"), ("from-fabric", "From the fabric")];
    let peers: Vec<_> = ways.into_iter().filter_map(|(way, title)| beside_peers(report, way, title)).collect();
    let source = format!("{}, {}, {}, commit {}", report.command, report.date, report.machine.processor, report.commit);
    if !peers.is_empty() {
        picture(&directory.join("peers.svg"), &peers, &[], &source)?;
    }
    if let Some((panel, legend)) = stages(report) {
        picture(&directory.join("stages.svg"), &[panel], &legend, &source)?;
    }
    Ok(())
}

/// The 64-VLAN cases of a direction: ports, floor, Causeway by each encapsulation, and the peers.
fn beside_peers(report: &Report, way: &str, title: &str) -> Option<Panel> {
    let case = |encapsulation: &str| {
        let name = format!("{way}/{encapsulation}/64-vlans");
        report.cases.iter().find(move |case| case.name == name)
    };
    let vxlan = case("vxlan")?;
    let figure = |cycles: f64| format!("{cycles:.0} ({:.1} Mpps)", report.mpps(cycles));
    let bar = |label: String, cycles: f64, colour| Bar { label, parts: vec![(cycles, colour)], figure: figure(cycles) };
    let named = |system: &str| vxlan.systems.iter().find(|other| other.variant == system);
    let mut bars = Vec::new();
    for (system, label) in [("ports", "the ports alone"), ("floor", "floor: hand-written C, VXLAN")] {
        bars.extend(named(system).map(|system| bar(label.into(), system.median, FLOOR)));
    }
    for (encapsulation, label) in [("vxlan", "VXLAN"), ("mplsoudp", "MPLSoUDP"), ("mplsogre", "MPLSoGRE")] {
        let own = case(encapsulation).and_then(|case| case.systems.iter().find(|other| other.variant == "causeway"));
        bars.extend(own.map(|own| bar(format!("Causeway, {label}"), own.median, OWN)));
    }
    let peers = vxlan.systems.iter().filter(|system| is_peer(system.variant));
    bars.extend(peers.map(|peer| bar(peer.variant.into(), peer.median, PEER)));
    for quoted in report.quoted.iter().filter(|quoted| quoted.case == vxlan.name) {
        bars.push(bar(format!("{}, quoted", quoted.system), quoted.cycles_per_packet, QUOTED));
    }
    let title = format!("{title}: cycles per packet on one core with both ports, shorter is better");
    Some(Panel { title, bars, mark: named("ports").map(|ports| ports.median) })
}

fn is_peer(system: &str) -> bool {
    ["testpmd", "OVS"].iter().any(|name| system.starts_with(name))
}

/// A bar for each case, of its stages; and the colours of those.
fn stages(report: &Report) -> Option<(Panel, Vec<(String, RGBColor)>)> {
    let mut names: Vec<&str> = Vec::new();
    for stage in report.stages.iter().flat_map(|of_case| &of_case.stages) {
        if !names.contains(&stage.stage) {
            names.push(stage.stage);
        }
    }
    let colour = |name: &str| {
        let at = names.iter().position(|other| *other == name).unwrap_or(0);
        STAGES[at % STAGES.len()]
    };
    let bars = report.stages.iter().map(|of_case| {
        let parts: Vec<_> = of_case.stages.iter().map(|stage| (stage.cycles, colour(stage.stage))).collect();
        let sum: f64 = parts.iter().map(|(cycles, _)| cycles).sum();
        Bar { label: of_case.case.clone(), parts, figure: format!("{sum:.0}") }
    });
    let title = "Causeway's cycles per packet by stage, ports included".into();
    let panel = Panel { title, bars: bars.collect(), mark: None };
    let legend = names.iter().map(|name| ((*name).to_owned(), colour(name))).collect();
    (!report.stages.is_empty()).then_some((panel, legend))
}

/// Panels below each other, all to one scale; then a legend, and where the figures come from.
fn picture(path: &Path, panels: &[Panel], legend: &[(String, RGBColor)], source: &str) -> Result<()> {
    let heights: Vec<i32> = panels.iter().map(|panel| TOP + LINE * panel.bars.len() as i32).collect();
    let height = heights.iter().sum::<i32>() + TOP + if legend.is_empty() { 0 } else { LINE };
    let longest = panels.iter().flat_map(|panel| &panel.bars).map(Bar::length).fold(1.0, f64::max);
    let scale = f64::from(RIGHT - LEFT) / longest;
    let area = SVGBackend::new(path, (WIDTH, height as u32)).into_drawing_area();
    let canvas = Canvas { area: &area, scale };
    let drawn = || -> Result<(), anyhow::Error> {
        canvas.rectangle((0, 0), (WIDTH as i32, height), RGBColor(255, 255, 255))?;
        let mut y = 0;
        for (panel, height) in panels.iter().zip(&heights) {
            canvas.panel(panel, y)?;
            y += height;
        }
        let mut x = 12;
        for (name, colour) in legend {
            canvas.rectangle((x, y + 12), (x + 12, y + 24), *colour)?;
            canvas.text(name, (x + 16, y + 11), 13)?;
            x += 30 + 8 * name.len() as i32;
        }
        canvas.text(source, (12, height - 22), 11)?;
        area.present().map_err(|error| anyhow!("{error}"))
    };
    drawn().map_err(|error| anyhow!("--plots: cannot draw {}: {error}", path.display()))
}

struct Canvas<'a, 'b> {
    area: &'a DrawingArea<SVGBackend<'b>, Shift>,
    /// Pixels a cycle.
    scale: f64,
}

impl Canvas<'_, '_> {
    fn panel(&self, panel: &Panel, top: i32) -> Result<()> {
        self.text(&panel.title, (12, top + 10), 15)?;
        let mut y = top + TOP;
        for bar in &panel.bars {
            self.text(&bar.label, (12, y + 2), 13)?;
            let mut from = 0.0;
            for (cycles, colour) in &bar.parts {
                let to = from + cycles;
                self.rectangle((self.at(from), y), (self.at(to), y + BAR), *colour)?;
                from = to;
            }
            self.text(&bar.figure, (self.at(from) + 6, y + 2), 13)?;
            y += LINE;
        }
        let Some(mark) = panel.mark else { return Ok(()) };
        let line = vec![(self.at(mark), top + TOP - 4), (self.at(mark), y - LINE + BAR + 4)];
        self.area.draw(&PathElement::new(line, INK.mix(0.6))).map_err(|error| anyhow!("{error}"))
    }

    fn at(&self, cycles: f64) -> i32 {
        LEFT + (cycles * self.scale) as i32
    }

    fn rectangle(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<()> {
        self.area.draw(&Rectangle::new([from, to], colour.filled())).map_err(|error| anyhow!("{error}"))
    }

    fn text(&self, text: &str, at: (i32, i32), size: i32) -> Result<()> {
        let style = ("sans-serif", size).into_font().color(&INK);
        self.area.draw(&Text::new(text, at, style)).map_err(|error| anyhow!("{error}"))
    }
}
