//! Where every value of a YAML text stands: one event pass that yields a tree of places, without the values.
//!
//! `serde_yaml` locates syntax only; semantic errors need the place of a value long after it was read (ADR 0003). The
//! same pass refuses what the files have no use for and what could make the second pass expensive or ambiguous: anchors
//! and aliases, tags, several documents, keys that are not scalars, duplicate keys, deep nesting, more than
//! [`MAX_VALUES`] values, and the three line separators on which YAML 1.1 and 1.2 disagree.

use std::sync::Arc;

use hashbrown::HashMap;
use saphyr_parser::{Event, Marker, Parser, ScanError, Span};

use super::place::Place;
use super::problem::{Diagnostic, Excerpt, Problem};

/// Deepest nesting of lists and mappings; the deepest legal place is five levels down.
pub(super) const MAX_DEPTH: usize = 16;
/// Most values in a file: sixteen a VMI at the 64 k VMIs, a million MACs and room above.
pub(super) const MAX_VALUES: usize = 4 << 20;

/// The tree, in document order; a subtree is a contiguous range. 24 octets a value, and each distinct key once.
#[derive(Debug)]
pub(super) struct Outline {
    file: Arc<str>,
    entries: Vec<Entry>,
    keys: Keys,
}

#[derive(Debug)]
struct Entry {
    /// Number of the key in front of the value; [`NO_KEY`] in a list and at the root.
    key: u32,
    key_mark: Mark,
    mark: Mark,
    /// The first entry behind this one's subtree.
    end: u32,
}

const NO_KEY: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Mark {
    line: u32,
    column: u32,
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: number(marker.line().max(1)), column: number(marker.col() + 1) }
    }
}

/// Numbers for key texts.
#[derive(Debug, Default)]
struct Keys(HashMap<String, u32>);

impl Keys {
    fn number(&mut self, key: &str) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(NO_KEY);
        *self.0.entry_ref(key).or_insert(next)
    }
}

impl Outline {
    /// Reads a text. Time and memory are linear in the text and bounded by the limits above.
    pub(super) fn of(text: &str, file: &Arc<str>) -> Result<Self, Diagnostic> {
        let outline = Self { file: Arc::clone(file), entries: Vec::new(), keys: Keys::default() };
        if let Some(place) = ambiguous_line_break(text, file) {
            return Err(Diagnostic { place, problem: Problem::AmbiguousLineBreak });
        }
        let mut builder = Builder { outline, open: Vec::new(), key: None, documents: 0 };
        for event in Parser::new_from_str(text) {
            let (event, Span { start, .. }) = event.map_err(|error| syntax(&error, file))?;
            builder.take(event, start.into()).map_err(|problem| builder.diagnostic(start.into(), problem))?;
        }
        if builder.outline.entries.is_empty() {
            return Err(Diagnostic { place: Place::start_of(file), problem: Problem::Empty });
        }
        Ok(builder.outline)
    }

    /// The document's one value.
    pub(super) fn root(&self) -> Spot<'_> {
        Spot { outline: self, entry: 0 }
    }
}

fn syntax(error: &ScanError, file: &Arc<str>) -> Diagnostic {
    let Mark { line, column } = (*error.marker()).into();
    let place = Place { file: Arc::clone(file), line, column };
    Diagnostic { place, problem: Problem::Syntax(Excerpt::new(error.info())) }
}

/// NEL, LS or PS: line breaks in YAML 1.1, ordinary characters in YAML 1.2.
fn ambiguous_line_break(text: &str, file: &Arc<str>) -> Option<Place> {
    let (at, _) = text.char_indices().find(|(_, c)| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}'))?;
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = number(before.bytes().filter(|b| *b == b'\n').count() + 1);
    Some(Place { file: Arc::clone(file), line, column: number(before[line_start..].chars().count() + 1) })
}

struct Builder {
    outline: Outline,
    /// Lists and mappings around the next event, outermost first.
    open: Vec<Open>,
    /// The key whose value comes next.
    key: Option<(u32, Mark)>,
    documents: usize,
}

struct Open {
    entry: usize,
    /// Keys so far and where they stood, if this is a mapping.
    keys: Option<HashMap<u32, Mark>>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, mark: Mark) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 { Err(Problem::SeveralDocuments) } else { Ok(()) }
            }
            Event::Alias(_) => Err(Problem::Alias),
            Event::Scalar(_, _, 1.., _) | Event::SequenceStart(1.., _) | Event::MappingStart(1.., _) => {
                Err(Problem::Anchor)
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                Err(Problem::Tag)
            }
            Event::Scalar(text, ..) if self.expects_key() => self.take_key(&text, mark),
            Event::Scalar(..) => self.value(mark).map(|_| ()),
            Event::SequenceStart(..) => self.descend(mark, None),
            Event::MappingStart(..) => self.descend(mark, Some(HashMap::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                self.ascend();
                Ok(())
            }
        }
    }

    fn expects_key(&self) -> bool {
        self.key.is_none() && self.open.last().is_some_and(|open| open.keys.is_some())
    }

    fn take_key(&mut self, text: &str, mark: Mark) -> Result<(), Problem> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(Problem::ComplexKey);
        }
        let key = self.outline.keys.number(text);
        let Some(keys) = self.open.last_mut().and_then(|open| open.keys.as_mut()) else { return Ok(()) };
        if let Some(first) = keys.insert(key, mark) {
            return Err(Problem::DuplicateKey { key: Excerpt::new(text), first: self.outline.place(first) });
        }
        self.key = Some((key, mark));
        Ok(())
    }

    /// Adds an entry; it ends behind itself until [`ascend`](Self::ascend) says otherwise.
    fn value(&mut self, mark: Mark) -> Result<usize, Problem> {
        let entry = self.outline.entries.len();
        if entry >= MAX_VALUES {
            return Err(Problem::TooManyValues { limit: MAX_VALUES });
        }
        let (key, key_mark) = self.key.take().unwrap_or((NO_KEY, mark));
        let end = u32::try_from(entry + 1).unwrap_or(u32::MAX);
        self.outline.entries.push(Entry { key, key_mark, mark, end });
        Ok(entry)
    }

    fn descend(&mut self, mark: Mark, keys: Option<HashMap<u32, Mark>>) -> Result<(), Problem> {
        if self.expects_key() {
            return Err(Problem::ComplexKey);
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem::TooDeep { limit: MAX_DEPTH });
        }
        let entry = self.value(mark)?;
        self.open.push(Open { entry, keys });
        Ok(())
    }

    fn ascend(&mut self) {
        let end = u32::try_from(self.outline.entries.len()).unwrap_or(u32::MAX);
        if let Some(open) = self.open.pop() {
            self.outline.entries[open.entry].end = end;
        }
    }

    fn diagnostic(&self, mark: Mark, problem: Problem) -> Diagnostic {
        Diagnostic { place: self.outline.place(mark), problem }
    }
}

impl Outline {
    fn place(&self, mark: Mark) -> Place {
        Place { file: Arc::clone(&self.file), line: mark.line, column: mark.column }
    }
}

/// One value of the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'o> {
    outline: &'o Outline,
    entry: usize,
}

impl<'o> Spot<'o> {
    /// Where the value starts.
    pub(super) fn place(self) -> Place {
        self.outline.place(self.outline.entries[self.entry].mark)
    }

    /// Where the value's key starts; the value itself if it has none.
    pub(super) fn key_place(self) -> Place {
        self.outline.place(self.outline.entries[self.entry].key_mark)
    }

    /// The value of a key in this mapping. Linear in the number of keys.
    pub(super) fn key(self, key: &str) -> Option<Self> {
        let number = *self.outline.keys.0.get(key)?;
        self.children().find(|child| self.outline.entries[child.entry].key == number)
    }

    /// The direct values of this list or mapping, in file order.
    pub(super) fn children(self) -> impl Iterator<Item = Self> + 'o {
        let Self { outline, entry } = self;
        let end = outline.entries[entry].end as usize;
        let mut next = entry + 1;
        std::iter::from_fn(move || {
            let entry = next;
            (entry < end).then(|| {
                next = outline.entries[entry].end as usize;
                Self { outline, entry }
            })
        })
    }
}
