//! What is built from single requests: asking for one thing, creating one that has no idempotency
//! key.

use super::{
    answer::{Answer, Trouble},
    call::Call,
    session::Session,
};
use plimsoll_engine::ports::{PortError, PortResult};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How often a POST is sent whose fate was unknown and which turned out not to have happened.
const CREATIONS: u32 = 3;
/// How often we look whether it happened, with growing pauses, before it is sent again.
const LOOKS: u32 = 3;

/// Why a request did not succeed.
pub(crate) enum Refused {
    /// The provider said no.
    Answer(Box<Answer>),
    /// There is no last word.
    Trouble(Trouble),
}

impl Refused {
    /// The HTTP status, when the provider said no.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Refused::Answer(answer) => Some(answer.status),
            Refused::Trouble(_) => None,
        }
    }
    fn is_ambiguous(&self) -> bool {
        match self {
            Refused::Answer(_) => false,
            Refused::Trouble(trouble) => trouble.is_ambiguous(),
        }
    }
}

impl Session {
    /// Sends a request; only a success is `Ok`.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Answer, Refused> {
        match self.send(call).await {
            // Cloudflare may say in a 200 that it was no success.
            Ok(answer) if answer.is_success() && answer.json["success"] != false => Ok(answer),
            Ok(answer) => Err(Refused::Answer(Box::new(answer))),
            Err(trouble) => Err(Refused::Trouble(trouble)),
        }
    }

    /// The failure as people see it.
    pub(crate) fn failure(&self, call: &Call, refused: &Refused) -> PortError {
        match refused {
            Refused::Answer(answer) => (self.service.refusal)(self, call, answer),
            Refused::Trouble(trouble) => self.trouble(call, trouble),
        }
    }

    /// Sends a request; anything but a 2xx is a failure.
    pub(crate) async fn must(&self, call: &Call) -> PortResult<Answer> {
        self.ask(call)
            .await
            .map_err(|refused| self.failure(call, &refused))
    }

    /// Sends a request whose purpose is that something is gone: a 404 is success.
    pub(crate) async fn gone(&self, call: &Call) -> PortResult<()> {
        match self.ask(call).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.status() == Some(404) => Ok(()),
            Err(refused) => Err(self.failure(call, &refused)),
        }
    }

    /// Reads a part of an answer.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        call: &Call,
        answer: &Answer,
        key: &str,
    ) -> PortResult<T> {
        self.part(call, answer, key, answer.json[key].clone())
    }

    /// Reads a value that stands in an answer.
    pub(crate) fn part<T: DeserializeOwned>(
        &self,
        call: &Call,
        answer: &Answer,
        name: &str,
        value: Value,
    ) -> PortResult<T> {
        serde_json::from_value(value)
            .map_err(|error| self.incomplete(call, answer, &format!("{name}: {error}")))
    }

    /// Sends a POST that has no idempotency key. When its fate is unknown, `find` looks whether it
    /// happened; only when it did not is it sent again.
    pub(crate) async fn create<T, F>(
        &self,
        call: &Call,
        read: impl Fn(&Answer) -> PortResult<T> + Send + Sync,
        find: impl Fn() -> F + Send + Sync,
    ) -> PortResult<Result<T, Answer>>
    where
        F: Future<Output = PortResult<Option<T>>> + Send,
    {
        let mut creation = 1;
        loop {
            let refused = match self.ask(call).await {
                Ok(answer) => return read(&answer).map(Ok),
                Err(Refused::Answer(answer)) => return Ok(Err(*answer)),
                Err(refused) => refused,
            };
            if !refused.is_ambiguous() {
                return Err(self.failure(call, &refused));
            }
            // What was cut off may still be under way over there.
            for look in 1..=LOOKS {
                self.pause(look).await;
                if let Some(found) = find().await? {
                    return Ok(Ok(found));
                }
            }
            if creation >= CREATIONS {
                return Err(self.failure(call, &refused));
            }
            creation += 1;
        }
    }
}
