//! The main job under Microsoft Intune, without Microsoft: the simulator stands for Entra, Graph and Intune, its devices
//! speak as Windows, Apple and Android do, and what goes wrong in the field is shown, each a line with code and activity id.

mod scenario;
mod stage;

use std::process::ExitCode;

use anyhow::{Context, Result};
use scep_server::ScepService;

use super::directory::Directory;
use super::report::{Form, Report};
use super::state::State;
use super::{bind, end, shutdown};
use crate::cli::DemoArgs;
use scenario::Scenario;
use stage::Stage;

/// Plays the demonstration and, unless told to end, keeps serving.
pub(super) async fn demo(args: &DemoArgs) -> Result<ExitCode> {
    let directory = Directory::create(&args.dir)?;
    let listener = bind(args.address()).await?;
    let state = State::create()?;
    let stage = Stage::set(&directory, &state, &listener).await?;
    let mut report = Report::new(if args.json { Form::Json } else { Form::Text });
    report.say(&stage.introduction())?;
    report.state(state.directory())?;

    let scep = scep_server::router([ScepService::new(stage.endpoint.clone())])?;
    let router = scep.merge(scep_server::crl_router(stage::CRL, stage.publisher.clone())?);
    let server = tokio::spawn(scep_server::serve(listener, router, shutdown()));
    Scenario::new(&stage, &mut report)?.play().await?;

    let code = ExitCode::from(u8::from(report.failed() > 0));
    if args.exit {
        end(server, stage).await;
        state.remove()?;
        return Ok(code);
    }
    report.say(&stage.how_to_go_on())?;
    server.await.context("serving")?;
    drop(stage);
    state.remove()?;
    Ok(code)
}
