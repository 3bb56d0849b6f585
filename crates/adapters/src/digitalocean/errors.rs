//! DigitalOcean's refusals, in our codes.

use crate::http::{Answer, Call, Session};
use plimsoll_engine::ports::PortError;

/// `id: message` as the provider wrote it.
pub(super) fn words(answer: &Answer) -> String {
    let text = |key: &str| answer.json[key].as_str().unwrap_or_default();
    match (text("id"), text("message")) {
        ("", message) => message.to_owned(),
        (id, message) => format!("{id}: {message}"),
    }
}

/// Whether the droplet is busy with something else.
pub(super) fn is_pending_event(answer: &Answer) -> bool {
    answer.status == 422 && message(answer).contains("pending event")
}

/// Whether the key that we register is there already.
pub(super) fn is_key_in_use(answer: &Answer) -> bool {
    answer.status == 422 && message(answer).contains("already in use")
}

fn message(answer: &Answer) -> String {
    answer.json["message"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The failure behind an answer that is no success.
pub(super) fn refusal(session: &Session, call: &Call, answer: &Answer) -> PortError {
    let told = |code: &str, what: &str| {
        session.told(
            code,
            format!("Could not {}: {what}.", call.doing),
            call,
            answer,
        )
    };
    let said = message(answer);
    match answer.status {
        401 => told("unauthorized", "DigitalOcean does not accept the token")
            .next_step(session.service.new_token()),
        403 => {
            let named = scope_in(&said).map(|scope| vec![scope]);
            let missing = named
                .unwrap_or_else(|| call.needs.iter().map(|scope| (*scope).to_owned()).collect());
            told(
                "forbidden_scope",
                &match missing.as_slice() {
                    [one] => format!("the token lacks the scope {one}"),
                    several => format!("the token lacks one of the scopes {}", several.join(", ")),
                },
            )
            .next_step(format!(
                "Make a token with {} at {} and connect the account again.",
                missing.join(", "),
                session.service.tokens_at
            ))
        }
        404 => told("not_found", "DigitalOcean does not have it")
            .next_step("It may have been deleted elsewhere; refresh and try again."),
        400 | 422 if is_pending_event(answer) => told(
            "pending_event",
            "the droplet is still busy with another event",
        )
        .next_step("Wait until it has finished, then try again.")
        .retryable(),
        400 | 403..=422 if said.contains("limit") && !said.contains("rate limit") => {
            told("limit_reached", "the account's limit is reached").next_step(
                "Destroy what is not needed, or ask DigitalOcean to raise the limit \
                 (Settings, Team, Resource limits).",
            )
        }
        _ => told("invalid", "DigitalOcean refuses the request")
            .next_step("Change what the answer names, then try again."),
    }
}

/// A scope such as `droplet:create` in the provider's words.
fn scope_in(message: &str) -> Option<String> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    message
        .split(|c: char| c.is_whitespace() || "“”\"'`(),".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .find(|word| {
            word.split_once(':')
                .is_some_and(|(noun, verb)| is_part(noun) && is_part(verb))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_found_in_the_providers_words() {
        let said = "you are missing the required permission droplet:create.";
        assert_eq!(scope_in(said).as_deref(), Some("droplet:create"));
        assert_eq!(scope_in("you are not authorized: sorry"), None);
    }
}
