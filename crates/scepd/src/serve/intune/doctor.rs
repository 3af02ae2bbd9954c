//! Whether Microsoft's half is set up: asked at start, at each reload, and by `scepd check --online`.

use intune_client::{Finding, Severity};

use super::Intune;

/// What the doctor finds goes to the log; whatever it is, the server serves, since Microsoft may be down for a while.
pub(super) async fn report(endpoint: &str, intune: &Intune) {
    let mut worst = Severity::Good;
    for finding in examine(intune).await {
        let severity = finding.severity();
        worst = worst.max(severity);
        match severity {
            Severity::Good => tracing::info!(endpoint, "intune: {finding}"),
            Severity::Warning => tracing::warn!(endpoint, "intune: {finding}"),
            Severity::Problem => {
                tracing::warn!(endpoint, "intune, no certificate will be issued: {finding}");
            }
        }
    }
    tracing::info!(endpoint, worst = name(worst), "intune: the set-up was examined");
}

/// What is found about an endpoint's way to the service.
pub(crate) async fn examine(intune: &Intune) -> Vec<Finding> {
    intune.caller.client.check(&intune.caller.tenant).await
}

/// How a severity is called in reports.
pub(crate) const fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}
