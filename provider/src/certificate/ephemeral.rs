//! Ephemeral resource `ringfence_certificate`. The provider generates the key and sends the daemon only a request.

use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_api::{ClientError, Connection, Lifetime, NodeName, ProjectName, ProjectUser, ServiceName, UserName};
use ringfence_pki::PrivateKey;
use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, Seen, failed};

/// The ephemeral resource.
pub(crate) struct CertificateResource;

/// A certificate of a project user or of a service, with a key that exists only during this run.
///
/// The provider generates the key; neither the cluster nor the state ever holds it. The names in the certificate come
/// from the declaration of the member, or of the service on the node. Only the operator may open it.
#[derive(Clone, Model)]
pub(crate) struct CertificateModel {
    /// The project user, `PROJECT__USER`, for a certificate of a project user: the `project_user` of a
    /// `ringfence_project_member`. If the same run creates that member, the certificate is issued after it.
    #[tf(optional, validate = check(ProjectUser::parse))]
    project_user: Value<String>,
    /// Name of the project, instead of `project_user`. The member must exist already.
    #[tf(optional, validate = check(ProjectName::parse))]
    project: Value<String>,
    /// Name of the user, who must be a member of `project`.
    #[tf(optional, validate = check(UserName::parse))]
    user: Value<String>,
    /// Name of the node, for a certificate of a service.
    #[tf(optional, validate = check(NodeName::parse))]
    node: Value<String>,
    /// Name of the service, which must be declared for `node`.
    #[tf(optional, validate = check(ServiceName::parse))]
    service: Value<String>,
    /// Lifetime, such as `30m`, and at most that of the cluster's own certificates of this kind. Default: 1 hour.
    #[tf(optional, validate = check(Lifetime::parse))]
    lifetime: Value<String>,
    /// Whether it is revoked when Terraform no longer needs it. Default: `true`. Set `false` if it is written to
    /// something that uses it after the run.
    #[tf(optional)]
    revoke_on_close: Value<bool>,
    /// Cluster that issues it: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// The certificate and its intermediate, in PEM.
    #[tf(computed)]
    certificate: Value<String>,
    /// The private key, PKCS #8 in PEM.
    #[tf(computed, sensitive)]
    private_key: Value<String>,
    /// Root certificate of the cluster, in PEM.
    #[tf(computed)]
    ca_certificate: Value<String>,
    /// Serial number, lower-case hexadecimal.
    #[tf(computed)]
    serial: Value<String>,
    /// When it expires (RFC 3339).
    #[tf(computed)]
    not_after: Value<String>,
}

/// Whose certificate it is.
enum Subject {
    ProjectUser(ProjectName, UserName),
    Service(NodeName, ServiceName),
}

/// What closing needs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Revocation {
    /// The certificate, and where it was issued; none when it is to live on.
    certificate: Option<(Connection, String)>,
}

impl EphemeralResource for CertificateResource {
    type Model = CertificateModel;
    type Data = Ringfence;
    type Private = Revocation;
    const NAME: &'static str = "ringfence_certificate";

    fn validate(&self, config: &CertificateModel, out: &mut Diagnostics) {
        let CertificateModel { project_user, project, user, node, service, .. } = config;
        let [project_user, project, user, node, service] =
            [project_user, project, user, node, service].map(|value| value.as_ref().map(|_| ()).presence());
        exactly_one_of(&[("project_user", project_user), ("project", project), ("node", node)], out);
        for (one, other) in [(("project", project), ("user", user)), (("node", node), ("service", service))] {
            required_with(one, &[other], out);
            required_with(other, &[one], out);
        }
    }

    async fn open(&self, ctx: &Context<Ringfence>, config: CertificateModel) -> Result<Opened<Self>> {
        let connection = cluster_argument::resolve(ctx.data(), &config.cluster)?;
        if matches!(ctx.data().seen(connection.cluster_id), Some(Seen::Stopped | Seen::Gone)) {
            return Ok(closed(ctx, config, connection));
        }
        let client = ctx.data().client(&connection)?;
        let subject = subject(&config)?;
        let failed_key =
            || Diagnostic::error("The private key cannot be made").detail("The system gave no randomness.");
        let key = PrivateKey::generate().map_err(|_| failed_key())?;
        // The name is for the eye; what counts is declared.
        let request = key.request("ringfence").map_err(|_| failed_key())?;
        let post = PostIdentityCertificate {
            request,
            lifetime: config.lifetime.as_str().and_then(|text| Lifetime::parse(text).ok()),
        };
        let issued = match &subject {
            Subject::ProjectUser(project, user) => client.issue_member_certificate(project, user, &post).await,
            Subject::Service(node, service) => client.issue_service_certificate(node, service, &post).await,
        };
        let issued = failed(ctx.data(), issued)?;
        let revoke = config.revoke_on_close.known_or(true);
        let result = CertificateModel {
            certificate: issued.chain.into(),
            private_key: key.to_pem().as_str().into(),
            ca_certificate: connection.ca_certificate.clone().into(),
            serial: issued.serial.clone().into(),
            not_after: issued.not_after.to_string().into(),
            ..config
        };
        let certificate = revoke.then_some((connection, issued.serial));
        Ok(Opened { result, private: Revocation { certificate }, renew_at: None })
    }

    async fn close(&self, ctx: &Context<Ringfence>, revocation: Revocation) -> Result<()> {
        let Some((connection, serial)) = revocation.certificate else { return Ok(()) };
        if matches!(ctx.data().seen(connection.cluster_id), Some(Seen::Gone)) {
            // And the certificate with it.
            return Ok(());
        }
        match ctx.data().client(&connection)?.revoke_certificate(&serial).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(ClientError::Unreachable { .. }) => {
                ctx.warn(Diagnostic::warning("A certificate was not revoked").detail(format!(
                    "The cluster's daemon does not answer. Certificate {serial} ends by itself, by its `lifetime`."
                )));
                Ok(())
            }
            answer => failed(ctx.data(), answer),
        }
    }
}

/// What there is of a certificate while the cluster does not run: nothing. The plan goes on, because it may be the one
/// that starts the cluster; the apply opens it anew after that.
fn closed(ctx: &Context<Ringfence>, config: CertificateModel, connection: Connection) -> Opened<CertificateResource> {
    ctx.warn(
        Diagnostic::warning("The cluster does not run and issues no certificate")
            .detail("The certificate and its key are empty in this run, until the cluster has been started."),
    );
    let empty = || Value::from(String::new());
    let result = CertificateModel {
        certificate: empty(),
        private_key: empty(),
        ca_certificate: connection.ca_certificate.into(),
        serial: empty(),
        not_after: empty(),
        ..config
    };
    Opened { result, private: Revocation { certificate: None }, renew_at: None }
}

fn subject(config: &CertificateModel) -> Result<Subject> {
    let text = |value: &Value<String>| value.known().cloned().unwrap_or_default();
    let invalid = |error: ringfence_api::NameError, attribute: &str| {
        Diagnostic::error("The certificate cannot be asked for")
            .detail(format!("{error}."))
            .at(Path::root().attr(attribute))
    };
    if config.project_user.is_known() {
        let ProjectUser { project, user } =
            ProjectUser::parse(&text(&config.project_user)).map_err(|error| invalid(error, "project_user"))?;
        return Ok(Subject::ProjectUser(project, user));
    }
    if config.project.is_known() {
        let project = ProjectName::parse(&text(&config.project)).map_err(|error| invalid(error, "project"))?;
        let user = UserName::parse(&text(&config.user)).map_err(|error| invalid(error, "user"))?;
        return Ok(Subject::ProjectUser(project, user));
    }
    let node = NodeName::parse(&text(&config.node)).map_err(|error| invalid(error, "node"))?;
    let service = ServiceName::parse(&text(&config.service)).map_err(|error| invalid(error, "service"))?;
    Ok(Subject::Service(node, service))
}
