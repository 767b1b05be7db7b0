//! An AWS account, and the settings and clients to reach it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

/// How AWS is reached. What is not set comes from the environment, as with the AWS CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration.
    pub profile: Option<String>,
    /// Another endpoint for every service, for example in tests.
    pub endpoint_url: Option<String>,
    /// A role to assume first.
    pub assume_role: Option<AssumeRole>,
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// Its ARN.
    pub role_arn: String,
    /// The external id that its trust policy requires.
    pub external_id: Option<String>,
}

/// The clients of an account.
#[derive(Debug, Clone)]
pub struct AwsAccount {
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) sts: aws_sdk_sts::Client,
    /// Instance profiles are created one at a time: of two that name one role, the second must see that the first has
    /// it.
    pub(super) profiles: Arc<tokio::sync::Mutex<()>>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsIdentity {
    /// The account.
    pub account: String,
    /// The ARN.
    pub arn: String,
}

/// Why a call to AWS failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed: {text}")]
pub struct AwsError {
    /// The call, such as `iam:GetRole`.
    pub call: &'static str,
    /// AWS's code, if it answered.
    pub code: Option<String>,
    /// The message.
    pub text: String,
}

/// How long one call may take, including the SDK's retries.
const LONGEST_CALL: Duration = Duration::from_mins(1);

impl AwsAccount {
    /// Reads the settings and the environment, and calls nothing.
    pub async fn new(settings: &AwsSettings) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(LONGEST_CALL).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
        if let Ok(name) = AppName::new("ringfence") {
            loader = loader.app_name(name);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(SdkRegion::new(region.clone()));
        }
        if let Some(profile) = &settings.profile {
            // A named profile takes precedence over keys in the environment.
            let of_profile = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(of_profile);
        }
        if let Some(endpoint) = &settings.endpoint_url {
            loader = loader.endpoint_url(endpoint);
        }
        let mut config = loader.load().await;
        if let Some(role) = &settings.assume_role {
            let mut provider = aws_config::sts::AssumeRoleProvider::builder(&role.role_arn)
                .session_name("ringfence")
                .configure(&config);
            if let Some(external_id) = &role.external_id {
                provider = provider.external_id(external_id);
            }
            let provider = provider.build().await;
            config = config
                .into_builder()
                .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(provider))
                .build();
        }
        Self::of(&config)
    }

    fn of(config: &SdkConfig) -> Self {
        Self {
            iam: aws_sdk_iam::Client::new(config),
            ec2: aws_sdk_ec2::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            profiles: Arc::default(),
        }
    }

    /// Who calls.
    pub async fn identity(&self) -> Result<AwsIdentity, AwsError> {
        let answer = self.sts.get_caller_identity().send().await.map_err(failed("sts:GetCallerIdentity"))?;
        Ok(AwsIdentity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }
}

impl AwsError {
    /// Whether AWS says so.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether this is a refusal for want of rights.
    pub fn is_refusal(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].iter().any(|code| self.is(code))
    }
}

/// Converts an error of the SDK, with its code.
pub(super) fn failed<E>(call: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    move |error| {
        let code = error.code().map(str::to_owned);
        let text = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{message} ({code})"),
            (Some(code), None) => code.to_owned(),
            _ => match error.raw_response() {
                Some(response) => {
                    format!("the address answered with status {}, and not as AWS does", response.status().as_u16())
                }
                None => causes(&error),
            },
        };
        AwsError { call, code, text }
    }
}

/// An error with its causes, each once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut all = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !all.last().is_some_and(|last| last.contains(&text)) {
            all.push(text);
        }
        cause = error.source();
    }
    all.join(": ")
}
