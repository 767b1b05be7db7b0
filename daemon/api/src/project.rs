//! Projects and their members.

#[cfg(feature = "client")]
mod client;
pub mod route;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::name::{ProjectName, ProjectUser, UserName};
use crate::word::words;

/// The most members that one request may put: each new one costs a key.
pub const MOST_MEMBERS: usize = 1_000;

/// A project needs nothing but its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProject {
    /// For people; at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub description: String,
}

/// A sandbox of members, data and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// For people.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a member may do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum MemberRole {
    /// Reads and writes everything in the project, manages members, imports and exports data.
    DataOwner,
    /// Reads and runs programs; no export.
    DataScientist,
}

words!(MemberRole);

/// Makes a user a member of a project, or changes the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMember {
    /// The role.
    pub role: MemberRole,
}

/// Makes exactly these the members of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMembers {
    /// The role of each user. Who is not among them is no member afterwards.
    pub members: BTreeMap<UserName, MemberRole>,
}

/// A user in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The project.
    pub project: ProjectName,
    /// The user.
    pub user: UserName,
    /// The role.
    pub role: MemberRole,
    /// The identity of this user in this project.
    pub project_user: ProjectUser,
    /// When the user became a member.
    pub created_at: Timestamp,
}

/// The credentials of a project user. `Debug` shows no key.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberCredentials {
    /// Whose they are.
    pub project_user: ProjectUser,
    /// Serial number of the certificate, lower-case hexadecimal.
    pub serial: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
    /// The certificate and its intermediate, in PEM.
    pub chain: String,
    /// The private key, PKCS #8 in PEM.
    pub private_key: String,
}

impl fmt::Debug for MemberCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberCredentials({}, serial {}, ..)", self.project_user, self.serial)
    }
}
