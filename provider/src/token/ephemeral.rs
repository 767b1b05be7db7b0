//! Ephemeral resource `ringfence_token`.

use ringfence_api::token::PostToken;
use ringfence_api::{Audience, Lifetime, ProjectName, ProjectUser, UserName};
use tfplugin_rs::prelude::*;

use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, Seen, failed};

/// The ephemeral resource.
pub(crate) struct TokenResource;

/// A token (JWT) of a project user, for one audience.
///
/// Anyone who has the keys from the cluster's `/v1/jwks` can verify it. It cannot be revoked; it expires. Only the
/// operator may open it.
#[derive(Clone, Model)]
pub(crate) struct TokenModel {
    /// The project user, `PROJECT__USER`: the `project_user` of a `ringfence_project_member`. If the same run creates
    /// that member, the token is issued after it.
    #[tf(optional, validate = check(ProjectUser::parse))]
    project_user: Value<String>,
    /// Name of the project, instead of `project_user`. The member must exist already.
    #[tf(optional, validate = check(ProjectName::parse))]
    project: Value<String>,
    /// Name of the user, who must be a member of `project`.
    #[tf(optional, validate = check(UserName::parse))]
    user: Value<String>,
    /// Who verifies it (`aud`): 1 to 200 visible ASCII characters.
    #[tf(required, validate = check(Audience::parse))]
    audience: Value<String>,
    /// Lifetime, such as `10m`, and at most the cluster's `token_lifetime`, which is the default.
    #[tf(optional, validate = check(Lifetime::parse))]
    lifetime: Value<String>,
    /// Cluster that issues it: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// The token.
    #[tf(computed, sensitive)]
    token: Value<String>,
    /// Its id (`jti`), which the audit log records.
    #[tf(computed)]
    token_id: Value<String>,
    /// When it expires (RFC 3339).
    #[tf(computed)]
    expires_at: Value<String>,
}

impl EphemeralResource for TokenResource {
    type Model = TokenModel;
    type Data = Ringfence;
    type Private = ();
    const NAME: &'static str = "ringfence_token";

    fn validate(&self, config: &TokenModel, out: &mut Diagnostics) {
        let [project_user, project, user] =
            [&config.project_user, &config.project, &config.user].map(|value| value.as_ref().map(|_| ()).presence());
        exactly_one_of(&[("project_user", project_user), ("project", project)], out);
        required_with(("project", project), &[("user", user)], out);
        required_with(("user", user), &[("project", project)], out);
    }

    async fn open(&self, ctx: &Context<Ringfence>, config: TokenModel) -> Result<Opened<Self>> {
        let connection = cluster_argument::resolve(ctx.data(), &config.cluster)?;
        if matches!(ctx.data().seen(connection.cluster_id), Some(Seen::Stopped | Seen::Gone)) {
            return Ok(closed(ctx, config));
        }
        let client = ctx.data().client(&connection)?;
        let invalid = |error: String, attribute: &str| {
            Diagnostic::error("The token cannot be asked for").detail(error).at(Path::root().attr(attribute))
        };
        let text = |value: &Value<String>| value.known().cloned().unwrap_or_default();
        let ProjectUser { project, user } = if config.project_user.is_known() {
            ProjectUser::parse(&text(&config.project_user)).map_err(|e| invalid(e.to_string(), "project_user"))?
        } else {
            ProjectUser {
                project: ProjectName::parse(&text(&config.project)).map_err(|e| invalid(e.to_string(), "project"))?,
                user: UserName::parse(&text(&config.user)).map_err(|e| invalid(e.to_string(), "user"))?,
            }
        };
        let audience = Audience::parse(&text(&config.audience)).map_err(|e| invalid(e.to_string(), "audience"))?;
        let lifetime = config.lifetime.as_str().and_then(|text| Lifetime::parse(text).ok());
        let post = PostToken { audience, lifetime, job: None, one_time: false };
        let issued = failed(ctx.data(), client.issue_token(&project, &user, &post).await)?;
        let result = TokenModel {
            token: issued.token.into(),
            token_id: issued.id.into(),
            expires_at: issued.expires_at.to_string().into(),
            ..config
        };
        Ok(Opened { result, private: (), renew_at: None })
    }
}

/// What there is of a token while the cluster does not run: nothing. See the certificate's.
fn closed(ctx: &Context<Ringfence>, config: TokenModel) -> Opened<TokenResource> {
    ctx.warn(
        Diagnostic::warning("The cluster does not run and signs no token")
            .detail("The token is empty in this run, until the cluster has been started."),
    );
    let empty = || Value::from(String::new());
    let result = TokenModel { token: empty(), token_id: empty(), expires_at: empty(), ..config };
    Opened { result, private: (), renew_at: None }
}
