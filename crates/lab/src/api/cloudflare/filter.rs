//! The filters of a listing of DNS records.

use super::answer::Parameters;
use super::books::Record;

/// How a filter compares. Everything is compared without regard to case.
fn compare(how: &str, is: Option<&str>, wanted: &str) -> bool {
    let is = is.map(str::to_lowercase);
    let wanted = wanted.to_lowercase();
    match (how, is) {
        ("absent", is) => is.is_none(),
        ("present", is) => is.is_some(),
        (_, None) => false,
        ("exact", Some(is)) => is == wanted,
        ("contains", Some(is)) => is.contains(&wanted),
        ("startswith", Some(is)) => is.starts_with(&wanted),
        ("endswith", Some(is)) => is.ends_with(&wanted),
        _ => true,
    }
}

/// What one query parameter says about a record; `None` when it is no filter.
fn verdict(record: &Record, parameter: &str, wanted: &str) -> Option<bool> {
    let (field, how) = parameter.split_once('.').unwrap_or((parameter, "exact"));
    Some(match field {
        "name" => compare(how, Some(&record.name), wanted),
        "content" => compare(how, Some(&record.content), wanted),
        "comment" => compare(how, record.comment.as_deref(), wanted),
        "type" => record.kind.eq_ignore_ascii_case(wanted),
        "proxied" => record.proxied == wanted.eq_ignore_ascii_case("true"),
        "search" => {
            let comment = record.comment.as_deref().unwrap_or_default();
            [record.name.as_str(), &record.content, comment]
                .iter()
                .any(|text| compare("contains", Some(text), wanted))
        }
        _ => return None,
    })
}

/// What one `tag…` parameter says about a record's tags.
fn tag_verdict(record: &Record, parameter: &str, wanted: &str) -> Option<bool> {
    let (field, how) = parameter.split_once('.').unwrap_or((parameter, "exact"));
    if field != "tag" {
        return None;
    }
    // Presence and absence are asked of a tag's name, the rest of its value behind `name:`.
    let (name, value) = wanted.split_once(':').unwrap_or((wanted, ""));
    let value_of = |tag: &&String| {
        let (own, value) = tag.split_once(':').unwrap_or((tag, ""));
        own.eq_ignore_ascii_case(name).then(|| value.to_owned())
    };
    let mut values = record.tags.iter().filter_map(|tag| value_of(&tag));
    Some(match how {
        "absent" => values.next().is_none(),
        "present" => values.next().is_some(),
        how => values.any(|own| compare(how, Some(&own), value)),
    })
}

/// Whether a record is listed.
pub(super) fn fits(record: &Record, parameters: &Parameters) -> bool {
    let gather = |judge: fn(&Record, &str, &str) -> Option<bool>| {
        parameters
            .iter()
            .filter_map(|(name, wanted)| judge(record, name, wanted))
            .collect()
    };
    let mut verdicts: Vec<bool> = gather(verdict);
    let tags: Vec<bool> = gather(tag_verdict);
    if !tags.is_empty() {
        verdicts.push(combine(&tags, parameters.get("tag_match")));
    }
    combine(&verdicts, parameters.get("match"))
}

/// `any` or, by default, all; no filter lets everything through.
fn combine(verdicts: &[bool], how: Option<&str>) -> bool {
    match how {
        Some("any") => verdicts.is_empty() || verdicts.contains(&true),
        _ => !verdicts.contains(&false),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn record() -> Record {
        Record {
            id: String::new(),
            zone: String::new(),
            name: "www.plimsoll.test".to_owned(),
            kind: "A".to_owned(),
            content: "10.0.0.7".to_owned(),
            data: None,
            priority: None,
            ttl: 1,
            proxied: true,
            comment: Some("plimsoll: Web".to_owned()),
            tags: vec!["env:prod".to_owned()],
            created_at: Timestamp::UNIX_EPOCH,
            modified_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn filters_combine_as_asked_and_ignore_case() {
        let check = |query: &str, expected: bool| {
            let parameters = Parameters::of(Some(query.to_owned()));
            assert_eq!(fits(&record(), &parameters), expected, "{query}");
        };
        check("", true);
        check("page=2&per_page=5&order=name", true);
        check("name=WWW.plimsoll.test", true);
        check("name.exact=plimsoll.test", false);
        check("name.contains=limso&type=A", true);
        check("name.endswith=.test&type=AAAA", false);
        check("name.endswith=.test&type=AAAA&match=any", true);
        check("content=10.0.0.7&proxied=true", true);
        check("content.startswith=10.&proxied=false", false);
        check("comment.exact=plimsoll:+web", true);
        check("comment.contains=web", true);
        check("comment.absent=", false);
        check("comment.present=true", true);
        check("tag.present=env", true);
        check("tag=env:prod", true);
        check("tag.exact=env:test&tag.absent=team", false);
        check("tag.exact=env:test&tag.absent=team&tag_match=any", true);
        check("search=10.0", true);
    }
}
