use super::*;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// RFC 1071 section 4.1, word by word.
fn slow(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// An Ethernet frame with these tags, and in it an IP packet of `protocol` whose checksum is right, with its pseudo-header.
fn whole(tags: &[u16], v6: bool, protocol: u8, payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut segment = if protocol == TCP { vec![0u8; 20] } else { vec![0u8; 8] };
    segment[..4].copy_from_slice(&[0x12, 0x34, 0x56, 0x78]);
    let octets = segment.len() + payload.len();
    if protocol == TCP {
        segment[12] = 0x50;
    } else {
        segment[4..6].copy_from_slice(&(octets as u16).to_be_bytes());
    }
    segment.extend(payload);
    let addresses: Vec<u8> = if v6 { (0..32).collect() } else { vec![10, 1, 0, 1, 10, 1, 0, 2] };
    let mut pseudo = addresses.clone();
    pseudo.extend([0, protocol]);
    pseudo.extend((octets as u16).to_be_bytes());
    let field = if protocol == TCP { 16 } else { 6 };
    let sum = !slow(&[&pseudo[..], &segment[..]].concat());
    let sum = if sum == 0 { u16::MAX } else { sum };
    segment[field..field + 2].copy_from_slice(&sum.to_be_bytes());

    let mut frame = vec![2; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0x20, 100]);
    }
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend((octets as u16).to_be_bytes());
        frame.extend([protocol, 64]);
    } else {
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((20 + octets as u16).to_be_bytes());
        frame.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
    }
    frame.extend(addresses);
    frame.extend(segment);
    (frame, pseudo)
}

/// The frame as a sender leaves it: the pseudo-header's sum in the field.
fn partial(whole: &[u8], pseudo: &[u8], field: usize) -> Vec<u8> {
    let mut frame = whole.to_vec();
    frame[field..field + 2].copy_from_slice(&slow(pseudo).to_be_bytes());
    frame
}

fn field(tags: usize, v6: bool, protocol: u8) -> usize {
    14 + 4 * tags + if v6 { 40 } else { 20 } + if protocol == TCP { 16 } else { 6 }
}

#[test]
fn a_partial_frame_becomes_what_a_sender_without_offloads_sends() {
    let none: &[u16] = &[];
    for tags in [none, &[0x8100], &[0x88a8], &[0x88a8, 0x8100], &[0x8100, 0x8100]] {
        for (v6, protocol, length) in [(false, TCP, 0), (false, UDP, 1), (true, TCP, 1459), (true, UDP, 100)] {
            let payload: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
            let (right, pseudo) = whole(tags, v6, protocol, &payload);
            let left = partial(&right, &pseudo, field(tags.len(), v6, protocol));
            assert_ne!(left, right);
            for fill in [complete, recognise] {
                let mut frame = left.clone();
                assert!(fill(&mut frame));
                assert_eq!(frame, right);
                // Padding that is not zero is not covered.
                let mut frame = [&left[..], &[0xa5; 7]].concat();
                assert!(fill(&mut frame));
                assert_eq!(frame, [&right[..], &[0xa5; 7]].concat());
            }
        }
    }
}

#[test]
fn a_whole_frame_is_not_taken_for_partial_and_a_damaged_one_stays_damaged() {
    let (right, _) = whole(&[0x8100], false, TCP, b"payload");
    let mut frame = right.clone();
    assert!(!recognise(&mut frame));
    assert_eq!(frame, right);
    let last = frame.len() - 1;
    frame[last] ^= 1;
    let damaged = frame.clone();
    assert!(!recognise(&mut frame));
    assert_eq!(frame, damaged);
}

#[test]
fn a_whole_frame_whose_checksum_looks_partial_is_not_changed() {
    // Data that sums to nothing but the complement of header and field.
    let (empty, pseudo) = whole(&[], false, UDP, &[0, 0]);
    let segment = &empty[34..];
    let mut header = segment[..8].to_vec();
    header[6..8].copy_from_slice(&slow(&pseudo).to_be_bytes());
    let filler = !slow(&[&pseudo[..], &header[..]].concat());
    let (right, _) = whole(&[], false, UDP, &filler.to_be_bytes());
    assert_eq!(right[40..42], slow(&pseudo).to_be_bytes(), "it looks partial");
    let mut frame = right.clone();
    assert!(recognise(&mut frame));
    assert_eq!(frame, right);
}

#[test]
fn extension_headers_are_walked_and_options_skipped() {
    let (right, pseudo) = whole(&[], true, UDP, b"beyond");
    let mut chained = right[..54].to_vec();
    chained[20] = 0;
    chained.extend([60, 0, 1, 4, 0, 0, 0, 0]);
    chained.extend([UDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    chained.extend(&right[54..]);
    chained[18..20].copy_from_slice(&((right.len() - 54 + 24) as u16).to_be_bytes());
    let mut frame = partial(&chained, &pseudo, 14 + 40 + 24 + 6);
    assert!(recognise(&mut frame));
    assert_eq!(frame, chained);

    let (right, pseudo) = whole(&[], false, TCP, b"options");
    let mut longer = right[..34].to_vec();
    longer[14] = 0x46;
    longer[16..18].copy_from_slice(&((right.len() - 14 + 4) as u16).to_be_bytes());
    longer.extend([1, 1, 1, 0]);
    longer.extend(&right[34..]);
    let mut frame = partial(&longer, &pseudo, 34 + 4 + 16);
    assert!(complete(&mut frame));
    assert_eq!(frame, longer);
}

#[test]
fn what_is_not_whole_tcp_or_udp_is_not_touched() {
    let (right, pseudo) = whole(&[], false, TCP, b"payload");
    let left = partial(&right, &pseudo, field(0, false, TCP));
    let change = |at: usize, value: u8| {
        let mut frame = left.clone();
        frame[at] = value;
        frame
    };
    let arp = change(13, 6);
    let other_protocol = change(23, 132);
    let more_fragments = change(20, 0x20);
    let later_fragment = change(21, 9);
    let long_header = change(14, 0x4f);
    let short_header = change(14, 0x44);
    let other_version = change(14, 0x65);
    let too_long = change(17, 200);
    let cut = left[..left.len() - 1].to_vec();
    for frame in [
        arp,
        other_protocol,
        more_fragments,
        later_fragment,
        long_header,
        short_header,
        other_version,
        too_long,
        cut,
        left[..14].to_vec(),
        left[..13].to_vec(),
        Vec::new(),
    ] {
        let mut after = frame.clone();
        assert!(!complete(&mut after) && !recognise(&mut after));
        assert_eq!(after, frame);
    }
}

#[test]
fn no_octets_make_it_panic() {
    let (right, pseudo) = whole(&[0x8100], true, TCP, b"payload");
    let left = partial(&right, &pseudo, field(1, true, TCP));
    // Every prefix, with every octet of the headers changed in turn.
    for length in 0..left.len() {
        for at in 0..length.min(60) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut frame = left[..length].to_vec();
                frame[at] = value;
                let _ = complete(&mut frame.clone()) | recognise(&mut frame);
            }
        }
    }
}
