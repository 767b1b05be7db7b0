//! `provider::ringfence::project_user(project, user)`.

use ringfence_api::{ProjectName, ProjectUser, UserName};
use tfplugin_rs::prelude::*;

/// The function.
pub(crate) struct ProjectUserFunction;

#[derive(Arguments)]
pub(crate) struct ProjectUserArguments {
    /// Name of the project.
    project: String,
    /// Name of the user.
    user: String,
}

impl Function for ProjectUserFunction {
    type Arguments = ProjectUserArguments;
    type Output = String;
    const NAME: &'static str = "project_user";
    const SUMMARY: &'static str = "Identity of a user inside a project";
    const DESCRIPTION: &'static str = "Returns `PROJECT__USER`, the common name of the certificate by which `user` \
        acts in `project`. Both names are checked by the rules of projects and users.";

    fn call(&self, arguments: ProjectUserArguments) -> std::result::Result<String, FunctionError> {
        let project =
            ProjectName::parse(&arguments.project).map_err(|e| FunctionError::new(e.to_string()).argument(0))?;
        let user = UserName::parse(&arguments.user).map_err(|e| FunctionError::new(e.to_string()).argument(1))?;
        Ok(ProjectUser { project, user }.to_string())
    }
}
