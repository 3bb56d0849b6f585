//! From the content that the API keeps to wire data.

use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SRV, TXT};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::ground::PublishedRecord;

/// Longest character string in a TXT record (RFC 1035, section 3.3).
const LONGEST_STRING: usize = 255;

/// Preference of a mail exchanger whose content carries none: what Cloudflare's form fills in.
const DEFAULT_PREFERENCE: u16 = 10;

/// Reads a name as the API keeps it, without the final dot, as an absolute name.
pub(super) fn absolute(text: &str) -> Result<Name, String> {
    let text = text.trim().trim_end_matches('.');
    Name::from_str_relaxed(format!("{text}.")).map_err(|e| e.to_string())
}

/// The form in which names are compared and stored: lower case, no final dot.
pub(super) fn key(name: &Name) -> String {
    let mut text = name.to_lowercase().to_ascii();
    if text.ends_with('.') {
        text.pop();
    }
    text
}

/// Turns a published record into wire data.
pub(super) fn parse(record: &PublishedRecord) -> Result<(RecordType, RData), String> {
    let content = record.content.trim();
    let kind: RecordType = record
        .kind
        .parse()
        .map_err(|_| format!("record type {:?} is unknown", record.kind))?;
    let words = || content.split_ascii_whitespace().collect::<Vec<_>>();
    let data = match kind {
        RecordType::A => RData::A(A(content.parse().map_err(|_| "not an IPv4 address")?)),
        RecordType::AAAA => RData::AAAA(AAAA(content.parse().map_err(|_| "not an IPv6 address")?)),
        RecordType::CNAME => RData::CNAME(CNAME(absolute(content)?)),
        RecordType::NS => RData::NS(NS(absolute(content)?)),
        RecordType::PTR => RData::PTR(PTR(absolute(content)?)),
        RecordType::MX => match *words() {
            // Cloudflare keeps the priority beside the content; both forms are understood.
            [exchange] => RData::MX(MX::new(DEFAULT_PREFERENCE, absolute(exchange)?)),
            [preference, exchange] => RData::MX(MX::new(number(preference)?, absolute(exchange)?)),
            _ => return Err("not a mail exchanger".to_owned()),
        },
        RecordType::SRV => match *words() {
            [weight, port, target] => RData::SRV(SRV::new(
                0,
                number(weight)?,
                number(port)?,
                absolute(target)?,
            )),
            [priority, weight, port, target] => RData::SRV(SRV::new(
                number(priority)?,
                number(weight)?,
                number(port)?,
                absolute(target)?,
            )),
            _ => return Err("not a service locator".to_owned()),
        },
        RecordType::TXT => {
            let strings = text_strings(content)?;
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        other => RData::try_from_str(other, content).map_err(|e| e.to_string())?,
    };
    Ok((kind, data))
}

fn number(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number below 65536"))
}

/// Splits the content of a TXT record into character strings.
///
/// Content that starts with a quote is read as quoted strings, as Cloudflare shows them; anything
/// else is one text, cut where the wire format needs it.
fn text_strings(content: &str) -> Result<Vec<Vec<u8>>, String> {
    let strings = if content.starts_with('"') {
        quoted_strings(content.as_bytes())?
    } else {
        vec![content.as_bytes().to_vec()]
    };
    let mut cut = Vec::new();
    for string in strings {
        if string.is_empty() {
            cut.push(string);
        } else {
            cut.extend(string.chunks(LONGEST_STRING).map(<[u8]>::to_vec));
        }
    }
    Ok(cut)
}

/// Reads `"one" "two"` with the escapes of zone files: `\"`, `\\` and `\DDD`.
fn quoted_strings(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut strings = Vec::new();
    let mut current: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (&mut current, byte) {
            (None, b'"') => current = Some(Vec::new()),
            (None, b' ' | b'\t') => {}
            (None, _) => return Err("text between quoted strings".to_owned()),
            (Some(_), b'"') => strings.extend(current.take()),
            (Some(string), b'\\') => {
                let digits = bytes
                    .get(at..at + 3)
                    .filter(|d| d.iter().all(u8::is_ascii_digit));
                let code = digits.and_then(|d| std::str::from_utf8(d).ok()?.parse::<u8>().ok());
                if let Some(code) = code {
                    string.push(code);
                    at += 3;
                } else {
                    string.extend(bytes.get(at));
                    at += 1;
                }
            }
            (Some(string), byte) => string.push(byte),
        }
    }
    match current {
        None => Ok(strings),
        Some(_) => Err("a quote is not closed".to_owned()),
    }
}
