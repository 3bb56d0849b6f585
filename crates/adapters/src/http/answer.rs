//! What came back, or why nothing did.

use serde_json::Value;

/// A complete answer of the provider. It has no `Debug`: what others wrote is shown only after
/// our secrets were taken out of it.
#[derive(Clone)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body; `Null` when it is empty or no JSON.
    pub(crate) json: Value,
    /// The body as a short line without secrets, when it is no JSON.
    pub(crate) text: String,
    /// The provider's name for this request.
    pub(crate) request_id: Option<String>,
}

impl Answer {
    /// Whether it is a 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer that could be judged.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// The endpoint, the proxy or the token cannot be used at all: nothing was sent.
    Unusable {
        /// Stable code without the service's prefix.
        code: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing was sent: no connection.
    Unreachable {
        /// `find the address of`, `connect to`, …: the stage that failed.
        stage: &'static str,
        /// The words of the failure, without secrets.
        words: String,
    },
    /// Nothing was sent: the certificate of the other side is not trusted.
    Untrusted {
        /// The words of the failure.
        words: String,
    },
    /// Sent, perhaps handled: the answer never came whole, or in time.
    Lost {
        /// The words of the failure.
        words: String,
    },
    /// Sent and handled, but the answer cannot be read.
    Unreadable(Box<Answer>),
    /// The provider is broken (5xx) after all attempts.
    Broken(Box<Answer>),
    /// The budget is spent, or the provider refuses for too long to wait here.
    Spent {
        /// Milliseconds until it may be asked again.
        wait_ms: u64,
        /// What the provider answered, if it was asked.
        answer: Option<Box<Answer>>,
    },
}

impl Trouble {
    /// Whether the request may have been carried out all the same.
    pub(crate) fn is_ambiguous(&self) -> bool {
        match self {
            Trouble::Unusable { .. }
            | Trouble::Unreachable { .. }
            | Trouble::Untrusted { .. }
            | Trouble::Spent { .. } => false,
            Trouble::Lost { .. } | Trouble::Unreadable(_) | Trouble::Broken(_) => true,
        }
    }
}
