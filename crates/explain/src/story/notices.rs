//! What control is told of a frame, beside what becomes of it.

use super::Story;
use api::Decision;
use telemetry::notices::{HeardHow, Notice};

impl Story<'_> {
    /// What the worker tells control.
    pub(super) fn notices(&mut self) {
        for notice in &self.passage.notices {
            let text = match notice {
                Notice::Heard(heard) => {
                    let how = match heard.how {
                        HeardHow::Reply => "answered the gateway",
                        HeardHow::Announcement => "announced itself",
                        HeardHow::Probe => "looks whether the address is free",
                    };
                    format!("control is told that {} ({}) {how}", heard.address, heard.mac)
                }
                Notice::Learn(learn) => format!("control is told that {} is new here, to learn it", learn.mac),
                Notice::Bpdu(_) => "control gets a copy of the control frame, to decode it".to_owned(),
                Notice::Storm(_) => "control is told of the storm".to_owned(),
            };
            self.decisions.push(Decision { stage: "notice".to_owned(), text, drop: None, because_of: vec![] });
        }
    }
}
