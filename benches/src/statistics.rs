//! Medians over slices. The machine swings by a third over seconds, so variants are compared slice by slice, in rounds.

use serde::Serialize;

/// Cycles per frame of one variant, a value a round.
pub(crate) struct Slices {
    name: &'static str,
    cycles: Vec<f64>,
}

/// What is said of a variant.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Its name.
    pub(crate) variant: &'static str,
    /// Cycles per frame, ports included.
    pub(crate) median: f64,
    /// Quartiles of the cycles.
    pub(crate) quartiles: [f64; 2],
    /// The tenth percentile: what an undisturbed core does.
    pub(crate) quiet: f64,
    /// Median over the rounds of the difference to the ports alone.
    pub(crate) above_ports: f64,
    /// The tenth percentiles' difference.
    pub(crate) above_ports_quiet: f64,
    /// Million frames a second at the quiet figure.
    pub(crate) quiet_mpps: f64,
    /// Beside the floor, where the case has one.
    #[serde(flatten)]
    pub(crate) floor: Option<AgainstFloor>,
}

/// Ratios to the complete floor, by rounds.
#[derive(Debug, Serialize)]
pub(crate) struct AgainstFloor {
    /// The median.
    pub(crate) ratio_to_floor: f64,
    /// Quartiles.
    pub(crate) ratio_quartiles: [f64; 2],
    /// The median of the quarter of rounds in which the ports alone were cheapest: an undisturbed core.
    pub(crate) ratio_in_quiet_rounds: f64,
    /// The median ratio, ports taken off both.
    pub(crate) ratio_above_ports: f64,
}

impl Slices {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, cycles: Vec::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn push(&mut self, cycles_per_frame: f64) {
        self.cycles.push(cycles_per_frame);
    }

    /// The median of each so many rounds, as a round of its own.
    pub(crate) fn in_parts(&self, rounds: usize) -> Self {
        Self { name: self.name, cycles: self.cycles.chunks(rounds).map(|part| percentile(part, 50)).collect() }
    }

    /// The median over the rounds of the ratio to another variant.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        percentile(&self.ratios(other), 50)
    }

    fn ratios(&self, other: &Self) -> Vec<f64> {
        self.cycles.iter().zip(&other.cycles).map(|(own, other)| own / other).collect()
    }

    /// Against the ports alone and the floor, whose slices are of the same rounds.
    pub(crate) fn summary(&self, ports: &Self, floor: Option<&Self>, hz: u64) -> Summary {
        let quiet = percentile(&self.cycles, 10);
        let above: Vec<f64> = self.cycles.iter().zip(&ports.cycles).map(|(own, ports)| own - ports).collect();
        Summary {
            variant: self.name,
            median: percentile(&self.cycles, 50),
            quartiles: [percentile(&self.cycles, 25), percentile(&self.cycles, 75)],
            quiet,
            above_ports: percentile(&above, 50),
            above_ports_quiet: quiet - percentile(&ports.cycles, 10),
            quiet_mpps: hz as f64 / quiet / 1e6,
            floor: floor.map(|floor| self.against(ports, floor)),
        }
    }

    fn against(&self, ports: &Self, floor: &Self) -> AgainstFloor {
        let ratios = self.ratios(floor);
        let limit = percentile(&ports.cycles, 25);
        let undisturbed = ratios.iter().zip(&ports.cycles).filter(|(_, ports)| **ports <= limit);
        let ratio_in_quiet_rounds = percentile(&undisturbed.map(|(ratio, _)| *ratio).collect::<Vec<_>>(), 50);
        let rounds = self.cycles.iter().zip(&ports.cycles).zip(&floor.cycles);
        let above: Vec<f64> = rounds.map(|((own, ports), floor)| (own - ports) / (floor - ports)).collect();
        AgainstFloor {
            ratio_to_floor: percentile(&ratios, 50),
            ratio_quartiles: [percentile(&ratios, 25), percentile(&ratios, 75)],
            ratio_in_quiet_rounds,
            ratio_above_ports: percentile(&above, 50),
        }
    }
}

/// The value that `percent` of the values are at most; 0 of none.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * percent).div_ceil(100)).copied().unwrap_or(0.0)
}
