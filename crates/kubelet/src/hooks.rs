//! `postStart` and `preStop`: what a container wants done right after its start and before its end.

use std::time::Duration;

use k8s_openapi::api::core::v1::LifecycleHandler;

use crate::handlers::Target;

/// Runs a handler once. Callers bound the time.
pub(crate) async fn run(handler: &LifecycleHandler, target: &Target) -> Result<(), String> {
    if let Some(action) = &handler.exec {
        let (code, output) = target.exec(action).await?;
        let command = action.command.as_deref().unwrap_or_default().join(" ");
        return if code == 0 {
            Ok(())
        } else {
            Err(format!("command '{command}' exited with {code}: {}", output.trim_end()))
        };
    }
    if let Some(action) = &handler.http_get {
        // Any answer will do, as for upstream's kubelet: a hook tells the process, it does not ask it.
        return target.http_get(action).await.map(drop);
    }
    if let Some(action) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(u64::try_from(action.seconds).unwrap_or(0))).await;
        return Ok(());
    }
    match &handler.tcp_socket {
        Some(action) => target.tcp(action).await,
        None => Ok(()),
    }
}
