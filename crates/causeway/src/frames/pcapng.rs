//! Frames as pcapng, each with what became of it as a comment.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use api::{SeenDirection, SeenFrame, SeenTotals, WatchDocument, WatchQuery};
use pcap_file::{
    DataLink, Endianness, PcapError,
    pcapng::{
        PcapNgBlock, PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
            interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption},
            section_header::{SectionHeaderBlock, SectionHeaderOption},
        },
    },
};

use super::Sink;

/// The exponent of nanoseconds.
const NANOSECONDS: u8 = 9;
/// Directions in a packet's flags.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// A pcapng file that is being written. Its interfaces are those that frames were seen on.
pub(super) struct PcapngFile<W: Write> {
    state: State<W>,
    query: Option<WatchQuery>,
    snaplen: u32,
    interfaces: Vec<String>,
    latest_ns: u64,
}

enum State<W: Write> {
    /// With nothing in it yet, so that a refused request leaves an empty file and not half of one.
    Empty(Option<W>),
    Begun(PcapNgWriter<W>),
}

impl<W: Write> PcapngFile<W> {
    pub(super) fn new(writer: W) -> Self {
        let (state, interfaces) = (State::Empty(Some(writer)), Vec::new());
        Self { state, query: None, snaplen: 0, interfaces, latest_ns: 0 }
    }

    fn writer(&mut self) -> io::Result<&mut PcapNgWriter<W>> {
        match &mut self.state {
            State::Begun(writer) => Ok(writer),
            State::Empty(_) => Err(io::Error::other("the file was not begun")),
        }
    }

    /// The number of the interface that a frame was seen on; it is described before its first frame.
    fn interface(&mut self, frame: &SeenFrame) -> io::Result<u32> {
        let (port, query) = (frame.port.as_deref().unwrap_or("unknown"), self.query.as_ref());
        let vif = query.and_then(|query| query.vif.as_deref());
        let (name, description) = match (vif, query.is_some_and(|query| query.outside)) {
            (Some(vif), true) => (format!("{vif}@{port}"), format!("VMI {vif} across the fabric, on port {port}")),
            (Some(vif), false) => (vif.to_owned(), format!("VMI {vif} on port {port}")),
            (None, _) => (port.to_owned(), format!("port {port}")),
        };
        if let Some(known) = self.interfaces.iter().position(|known| *known == name) {
            return Ok(known as u32);
        }
        let filter = query.and_then(|query| query.filter.clone());
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Owned(name.clone())),
            InterfaceDescriptionOption::IfDescription(Cow::Owned(description)),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        // Its first octet says that it is the filter's text.
        let text = filter.map(|filter| [&[0], filter.as_bytes()].concat());
        options.extend(text.map(|text| InterfaceDescriptionOption::IfFilter(Cow::Owned(text))));
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: self.snaplen, options };
        self.writer()?.write_block(&block.into_block()).map_err(in_writing)?;
        self.interfaces.push(name);
        Ok(self.interfaces.len() as u32 - 1)
    }

    fn frame(&mut self, frame: &SeenFrame) -> io::Result<()> {
        let interface_id = self.interface(frame)?;
        self.latest_ns = self.latest_ns.max(frame.at_ns);
        let garbled = || io::Error::other("a frame's octets are no hexadecimal digits");
        let data = frame.data_octets().ok_or_else(garbled)?;
        let direction = if frame.direction == SeenDirection::In { INBOUND } else { OUTBOUND };
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_nanos(frame.at_ns),
            original_len: frame.octets,
            data: Cow::Owned(data),
            options: vec![
                EnhancedPacketOption::Comment(Cow::Owned(comment(frame))),
                EnhancedPacketOption::Flags(direction),
            ],
        };
        self.writer()?.write_block(&block.into_block()).map_err(in_writing)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.get_mut().flush()
    }
}

impl<W: Write> Sink for PcapngFile<W> {
    fn begin(&mut self, query: &WatchQuery, document: &WatchDocument) -> io::Result<()> {
        let State::Empty(writer) = &mut self.state else { return Ok(()) };
        let Some(writer) = writer.take() else { return Ok(()) };
        let application = concat!("causeway ", env!("CARGO_PKG_VERSION"));
        let options = vec![SectionHeaderOption::UserApplication(Cow::Borrowed(application))];
        let section = SectionHeaderBlock { endianness: Endianness::Little, options, ..SectionHeaderBlock::default() };
        self.state = State::Begun(PcapNgWriter::with_section_header(writer, section).map_err(in_writing)?);
        (self.query, self.snaplen) = (Some(query.clone()), document.snaplen);
        self.flush()
    }

    fn frames(&mut self, frames: &[SeenFrame]) -> io::Result<()> {
        frames.iter().try_for_each(|frame| self.frame(frame))?;
        self.flush()
    }

    /// What was lost stands behind the frames, as it does in tcpdump's files.
    fn end(&mut self, totals: SeenTotals) -> io::Result<()> {
        if !self.interfaces.is_empty() {
            let options = vec![
                InterfaceStatisticsOption::IsbIfRecv(totals.delivered),
                InterfaceStatisticsOption::IsbIfDrop(totals.lost),
            ];
            // Its upper word comes first, which the library leaves to us.
            let timestamp = self.latest_ns.rotate_left(32);
            let block = InterfaceStatisticsBlock { interface_id: 0, timestamp, options };
            self.writer()?.write_block(&block.into_block()).map_err(in_writing)?;
        }
        self.flush()
    }
}

/// What became of a frame, whose it is, and which configuration made it so.
pub(super) fn comment(frame: &SeenFrame) -> String {
    let mut parts = vec![format!("verdict: {}", frame.verdict)];
    parts.extend(frame.vmi.as_ref().map(|vmi| format!("VMI: {vmi}")));
    parts.extend(frame.network.as_ref().map(|network| format!("network: {network}")));
    parts.extend(frame.place.as_ref().map(|place| format!("configuration: {}:{}", place.file, place.line)));
    parts.join("; ")
}

fn in_writing(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
