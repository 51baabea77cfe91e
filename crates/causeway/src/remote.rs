//! Commands that the daemon answers.

use std::{path::Path, time::Duration};

use api::{Request, Response};
use rest::client::{self, ClientError};

use crate::{
    outcome::{Answer, Failure},
    show,
};

/// Beyond what the daemon allows itself, so that its own explanation arrives.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);

pub(crate) fn call(socket: &Path, request: &Request) -> Result<Answer, Failure> {
    let response = client::call(socket, request, ANSWER_TIMEOUT).map_err(|error| match error {
        ClientError::Refused(document) => Failure::failed(document),
        unreachable => Failure::unreachable(unreachable.to_string()),
    })?;
    let warnings = match &response {
        Response::Reload(reload) => reload.warnings.as_slice(),
        _ => &[],
    };
    Answer::new(&response, show::text(&response), warnings)
}
