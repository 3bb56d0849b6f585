//! What changes in a canvas while somebody looks at it.

use super::preview::Typed;
use crate::{Engine, Result};
use futures::{Stream, StreamExt, stream};
use plimsoll_domain::{ProjectId, canvas::CanvasName};
use tokio::sync::broadcast::{Receiver, error::RecvError};

impl Engine {
    /// Tells which files of a canvas have changed, on disk or by typing, until it is dropped. An
    /// empty list means that something was missed and everything may have changed.
    pub async fn canvas_changes(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
    ) -> Result<impl Stream<Item = Vec<String>> + Send + use<>> {
        let root = self.canvas_root(project).await?;
        let typing = self.world.canvas.typing();
        let canvases = &self.world.ports.canvases;
        let saved = canvases.watch(&root, &canvas.folder()).await?;
        let canvas = canvas.clone();
        let of_this = move |typed: &Typed| typed.project == project && typed.canvas == canvas;
        let typed = stream::unfold(typing, heard).filter_map(move |heard| {
            let told = match heard {
                None => Some(Vec::new()),
                Some(typed) if of_this(&typed) => Some(vec![typed.path.to_string()]),
                Some(_) => None,
            };
            std::future::ready(told)
        });
        Ok(stream::select(saved, typed.boxed()))
    }
}

/// The next thing that was typed; `None` for things that were missed.
async fn heard(mut typing: Receiver<Typed>) -> Option<(Option<Typed>, Receiver<Typed>)> {
    match typing.recv().await {
        Ok(typed) => Some((Some(typed), typing)),
        Err(RecvError::Lagged(_)) => Some((None, typing)),
        Err(RecvError::Closed) => None,
    }
}
