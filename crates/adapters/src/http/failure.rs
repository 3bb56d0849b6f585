//! Failures in people's words: what we were doing, what went wrong, what shows it, what to do.

use super::{
    answer::{Answer, Trouble},
    call::Call,
    session::{Service, Session},
};
use plimsoll_domain::Timestamp;
use plimsoll_engine::ports::PortError;

impl Service {
    /// A failure of this service under `{prefix}_{code}`.
    pub(crate) fn error(&self, code: &str, message: String) -> PortError {
        PortError::new(&format!("{}_{code}", self.prefix), message)
    }

    /// A token that cannot be used, or a reason before anything was sent.
    pub(crate) fn unusable(&self, doing: &str, trouble: Trouble) -> PortError {
        let (code, why) = match trouble {
            Trouble::Unusable { code, why } => (code, why),
            // Nothing else happens before a request is sent.
            _ => ("invalid", "the request could not be prepared".to_owned()),
        };
        let error = self.error(code, format!("Could not {doing} at {}: {why}.", self.name));
        match code {
            "unauthorized" => error.next_step(self.new_token()),
            "endpoint_invalid" => error.next_step("Check the account's address, proxy and CA."),
            _ => error.next_step("Check the input."),
        }
    }

    /// What to do when the token is at fault.
    pub(crate) fn new_token(&self) -> String {
        format!(
            "Make a new token at {} and connect the account again.",
            self.tokens_at
        )
    }
}

impl Session {
    /// A failure that shows the provider's answer.
    pub(crate) fn told(
        &self,
        code: &str,
        message: String,
        call: &Call,
        answer: &Answer,
    ) -> PortError {
        let mut words = (self.service.words)(answer);
        if words.is_empty() {
            words = if answer.text.is_empty() {
                "no explanation".to_owned()
            } else {
                answer.text.clone()
            };
        }
        let words = self.scrub(call, &words);
        let mut error = self
            .service
            .error(code, message)
            .evidence(format!("HTTP {}: {words}", answer.status));
        if let Some(id) = &answer.request_id {
            error = error.evidence(format!("{} request {id}", self.service.name));
        }
        error
    }

    /// Any trouble as a failure. `words` tells what an answer says.
    pub(crate) fn trouble(&self, call: &Call, trouble: &Trouble) -> PortError {
        let (name, doing) = (self.service.name, &call.doing);
        match trouble {
            Trouble::Unusable { .. } => self.service.unusable(doing, trouble.clone()),
            Trouble::Unreachable { stage, words } => self
                .service
                .error(
                    "unreachable",
                    format!(
                        "Could not {doing}: could not {stage} {name} ({}).",
                        self.host()
                    ),
                )
                .evidence(words)
                .next_step("Check this machine's network connection; then try again.")
                .retryable(),
            Trouble::Untrusted { words } => self
                .service
                .error(
                    "untrusted",
                    format!(
                        "Could not {doing}: the certificate of {name} ({}) is not trusted.",
                        self.host()
                    ),
                )
                .evidence(words)
                .next_step(
                    "Somebody may be listening in, such as a proxy of your company. If you trust \
                     it, add its certificate authority to this machine.",
                ),
            Trouble::Lost { words } => self
                .service
                .error(
                    "unavailable",
                    format!("Could not {doing}: the connection to {name} was cut or too slow."),
                )
                .evidence(words)
                .next_step("Try again; what was done already will be found.")
                .retryable(),
            Trouble::Unreadable(answer) => self
                .told(
                    "unreadable",
                    format!("Could not {doing}: the answer is not what {name} sends."),
                    call,
                    answer,
                )
                .next_step(
                    "Something between here and the provider may answer in its place; try again.",
                )
                .retryable(),
            Trouble::Broken(answer) => self
                .told(
                    "unavailable",
                    format!("Could not {doing}: {name} has a fault of its own."),
                    call,
                    answer,
                )
                .next_step(format!("Wait for {name} to recover, then try again."))
                .retryable(),
            Trouble::Spent { wait_ms, answer } => {
                let ms = i64::try_from(*wait_ms).unwrap_or(i64::MAX);
                let until: Timestamp = self.clock().now().plus_ms(ms);
                let message = format!(
                    "Could not {doing}: the rate limit of {name} is spent; it takes requests again \
                     at {until}."
                );
                let error = match answer {
                    Some(answer) => self.told("rate_limited", message, call, answer),
                    None => self.service.error("rate_limited", message),
                };
                error
                    .next_step("Wait until then. Other programs that use the same token count too.")
                    .retryable()
            }
        }
    }

    /// An answer without what has to be in it.
    pub(crate) fn incomplete(&self, call: &Call, answer: &Answer, missing: &str) -> PortError {
        self.told(
            "unreadable",
            format!(
                "Could not {}: the answer of {} lacks what we need.",
                call.doing, self.service.name
            ),
            call,
            answer,
        )
        .evidence(self.scrub(call, missing))
        .next_step("Update Plimsoll: the provider's answers may have changed.")
    }
}
