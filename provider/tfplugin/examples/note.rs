//! A small whole provider: notes kept as files in a directory. Tests drive it with a real Terraform.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

fn main() -> std::process::ExitCode {
    tfplugin_rs::serve(NoteProvider)
}

struct NoteProvider;

/// Keeps notes as files.
#[derive(Clone, Model)]
struct NoteConfig {
    /// Directory that holds the notes.
    #[tf(optional)]
    directory: Value<String>,
    /// Token of the note service.
    #[tf(optional, sensitive)]
    token: Value<String>,
}

/// What resources share.
struct Notes {
    directory: Option<PathBuf>,
}

impl Notes {
    /// The file of a note; known only when the directory is.
    fn file(&self, name: &str) -> Result<PathBuf> {
        let directory = self
            .directory
            .as_ref()
            .ok_or_else(|| Diagnostic::error("No directory").detail("Set `directory` in the provider block."))?;
        Ok(directory.join(name))
    }

    /// Writes down what happened; tests read it.
    fn journal(&self, line: &str) -> Result<()> {
        let journal = std::fs::OpenOptions::new().create(true).append(true).open(self.file(JOURNAL)?);
        journal
            .and_then(|mut journal| journal.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| failed("write the journal", &error))
    }
}

/// Hidden, so that it is no note.
const JOURNAL: &str = ".journal";

fn failed(doing: &str, error: &std::io::Error) -> Diagnostics {
    Diagnostic::error(format!("Cannot {doing}")).detail(error.to_string()).into()
}

impl Provider for NoteProvider {
    type Model = NoteConfig;
    type Data = Notes;
    const NAME: &'static str = "note";
    const SOURCE: &'static str = "example.com/test/note";

    fn register(&self, registry: &mut Registry<Notes>) {
        registry.resource(NoteResource).data_source(NoteCount).ephemeral_resource(NoteKey);
        registry.list_resource(NoteList).action(Rewrite).state_store(NoteStore).provider_meta::<NoteMeta>();
        registry.function(Shout).function(Describe);
    }

    async fn configure(&self, _ctx: &ConfigureContext, config: NoteConfig) -> Result<Notes> {
        tracing::info!("configured");
        let notes = Notes { directory: config.directory.into_known().map(PathBuf::from) };
        if let Some(token) = config.token.as_str() {
            notes.journal(&format!("signed in with {} characters", token.len()))?;
        }
        Ok(notes)
    }
}

struct NoteResource;

/// One note.
#[derive(Clone, Model)]
struct Note {
    /// Identifier.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// File name.
    #[tf(required, plan = requires_replace(), validate = length(1..=64), validate = check(parse_name))]
    name: Value<String>,
    /// Text of the note.
    #[tf(optional, default = "")]
    text: Value<String>,
    /// Length of the text.
    #[tf(computed)]
    size: Value<i64>,
    /// Weight, however exact.
    #[tf(optional)]
    weight: Value<Number>,
    /// Colour.
    #[tf(optional, validate = one_of(["red", "green"]))]
    colour: Value<String>,
    /// Passphrase; never stored.
    #[tf(optional, write_only, sensitive)]
    passphrase_wo: Value<String>,
    /// Tags.
    #[tf(optional, validate = keys(length(1..)))]
    tags: Value<BTreeMap<String, String>>,
    /// Sections by heading.
    #[tf(optional)]
    sections: Value<BTreeMap<String, Section>>,
    /// Marks in no order.
    #[tf(optional)]
    marks: Value<Set<Mark>>,
    /// Rules, in JSON.
    #[tf(optional)]
    rules: Value<Json>,
    /// How well it is to be kept.
    #[tf(optional)]
    care: Value<Care>,
    /// Times.
    #[tf(optional)]
    timeouts: Value<Timeouts>,
}

/// How well a note is kept.
#[derive(Debug, Clone, Copy, PartialEq, Choice)]
enum Care {
    Careless,
    VeryCareful,
}

/// What tells a note from all others.
#[derive(Clone, Model)]
struct NoteIdentity {
    /// File name.
    #[tf(required)]
    name: Value<String>,
}

/// What a module says of itself.
#[derive(Clone, Model)]
struct NoteMeta {
    /// The module.
    #[tf(optional)]
    module: Value<String>,
}

/// A section.
#[derive(Clone, PartialEq, Model)]
struct Section {
    /// Number of lines.
    #[tf(required, validate = between(1, 100))]
    lines: Value<i64>,
    /// Style.
    #[tf(optional, default = "plain")]
    style: Value<String>,
    /// Anchor, made from the heading.
    #[tf(computed, plan = keep_state())]
    anchor: Value<String>,
}

/// A mark.
#[derive(Clone, PartialEq, Model)]
struct Mark {
    /// Where.
    #[tf(required)]
    line: Value<i64>,
    /// How.
    #[tf(optional, default = "bold")]
    style: Value<String>,
}

fn parse_name(name: &str) -> std::result::Result<(), &'static str> {
    if name.contains('/') { Err("must not contain a slash") } else { Ok(()) }
}

/// Fills what is computed.
fn complete(mut note: Note) -> Note {
    note.id = note.name.clone();
    note.size = note.text.as_ref().map(|text| i64::try_from(text.len()).unwrap_or(i64::MAX));
    for (heading, section) in note.sections.known_mut().into_iter().flatten() {
        section.anchor = heading.to_lowercase().into();
    }
    note
}

async fn write(ctx: &ResourceContext<NoteResource>, plan: Note) -> Result<Note> {
    let note = complete(plan);
    let name = note.name.as_str().unwrap_or_default();
    let text = note.text.as_str().unwrap_or_default();
    let file = ctx.data().file(name)?;
    let wait = note.timeouts.create_or(Duration::from_mins(1));
    ctx.within("writing the note", wait, async {
        tokio::fs::write(&file, text).await.map_err(|error| failed("write the note", &error))
    })
    .await?;
    // From here on the note exists.
    ctx.save(&note);
    if text == "fail after writing" {
        return Err(Diagnostic::error("Failed after writing").into());
    }
    Ok(note)
}

/// Waits until a key has been renewed.
async fn wait_for_renewal(ctx: &ResourceContext<NoteResource>) -> Result<()> {
    let journal = ctx.data().file(JOURNAL)?;
    ctx.within("waiting for renewal", Duration::from_mins(1), async {
        while !std::fs::read_to_string(&journal).unwrap_or_default().contains("renewed") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    })
    .await
}

impl Resource for NoteResource {
    type Model = Note;
    type Identity = NoteIdentity;
    type Data = Notes;
    const NAME: &'static str = "note_note";

    fn validate(&self, config: &Note, out: &mut Diagnostics) {
        if config.colour == "red" && config.text.is_null() {
            out.push(Diagnostic::error("A red note needs a text").at(Path::root().attr("text")));
        }
    }

    async fn create(&self, ctx: &ResourceContext<Self>, plan: Note) -> Result<Note> {
        assert!(plan.text != "panic", "a note said panic");
        if let Some(meta) = ctx.provider_meta::<NoteMeta>()? {
            ctx.data().journal(&format!("made by {}", meta.module.as_str().unwrap_or_default()))?;
        }
        if let Some(passphrase) = ctx.config().and_then(|config| config.passphrase_wo.known()) {
            ctx.set_private("locked", &!passphrase.is_empty());
            ctx.data().journal(&format!("locked with {} characters", passphrase.len()))?;
        }
        if plan.text == "wait for renewal" {
            wait_for_renewal(ctx).await?;
        }
        if plan.text == "wait for stop" {
            std::fs::write(ctx.data().file("waiting")?, "").map_err(|error| failed("write", &error))?;
            ctx.save(&complete(plan));
            ctx.cancelled().cancelled().await;
            return Err(Diagnostic::error("Stopped while waiting").into());
        }
        write(ctx, plan).await
    }

    async fn read(&self, ctx: &ResourceContext<Self>, mut state: Note) -> Result<Option<Note>> {
        let file = ctx.data().file(state.id.as_str().unwrap_or_default())?;
        match std::fs::read_to_string(file) {
            Ok(text) => {
                state.name = state.id.clone();
                state.text = text.into();
                Ok(Some(complete(state)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read the note", &error)),
        }
    }

    async fn update(&self, ctx: &ResourceContext<Self>, _prior: Note, plan: Note) -> Result<Note> {
        write(ctx, plan).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: Note) -> Result<()> {
        match std::fs::remove_file(ctx.data().file(state.id.as_str().unwrap_or_default())?) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove the note", &error)),
            _ => Ok(()),
        }
    }

    async fn import(&self, _ctx: &ResourceContext<Self>, id: &str) -> Result<Note> {
        Ok(Note { id: id.into(), ..Note::default() })
    }

    fn identity(&self, state: &Note) -> Option<NoteIdentity> {
        Some(NoteIdentity { name: state.name.clone() })
    }

    async fn import_identity(&self, _ctx: &ResourceContext<Self>, identity: NoteIdentity) -> Result<Note> {
        Ok(Note { id: identity.name, ..Note::default() })
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<Note>) -> Result<()> {
        // Without a name there is nothing to say about it yet.
        if plan.config.as_ref().is_some_and(|config| config.name.is_unknown())
            && ctx.defer(DeferralReason::ResourceConfigUnknown)
        {
            return Ok(());
        }
        // The size can be told as soon as the text is known.
        if let Some(planned) = &mut plan.planned
            && planned.size.is_unknown()
        {
            planned.size = planned.text.as_ref().map(|text| i64::try_from(text.len()).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

struct NoteCount;

/// Counts notes.
#[derive(Clone, Model)]
struct NoteCountModel {
    /// Prefix of the names to count.
    #[tf(optional)]
    prefix: Value<String>,
    /// How many there are.
    #[tf(computed)]
    number: Value<i64>,
}

impl DataSource for NoteCount {
    type Model = NoteCountModel;
    type Data = Notes;
    const NAME: &'static str = "note_count";

    async fn read(&self, ctx: &Context<Notes>, mut config: NoteCountModel) -> Result<NoteCountModel> {
        let prefix = config.prefix.as_str().unwrap_or_default();
        let entries = std::fs::read_dir(ctx.data().file("")?).map_err(|error| failed("list notes", &error))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.starts_with('.'));
        let count = names.filter(|name| name.starts_with(prefix)).count();
        config.number = i64::try_from(count).unwrap_or(i64::MAX).into();
        Ok(config)
    }
}

struct NoteList;

/// Finds notes.
#[derive(Clone, Model)]
struct NoteListModel {
    /// Prefix of their names.
    #[tf(optional, validate = length(1..=64))]
    prefix: Value<String>,
}

impl ListResource for NoteList {
    type Resource = NoteResource;
    type Model = NoteListModel;

    async fn list(
        &self,
        ctx: &Context<Notes>,
        config: NoteListModel,
        listing: &mut Listing<NoteResource>,
    ) -> Result<()> {
        let prefix = config.prefix.as_str().unwrap_or_default();
        let entries = std::fs::read_dir(ctx.data().file("")?).map_err(|error| failed("list notes", &error))?;
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        for name in names.into_iter().filter(|name| name.starts_with(prefix) && !name.starts_with('.')) {
            if name == "unreadable" {
                return Err(Diagnostic::error("A note cannot be read").into());
            }
            let resource = listing.wants_resource().then(|| Note { name: name.as_str().into(), ..Note::default() });
            let identity = NoteIdentity { name: name.as_str().into() };
            if listing.add(Listed { display_name: name, identity, resource }).await.is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Rewrite;

/// Rewrites a note.
#[derive(Clone, Model)]
struct RewriteModel {
    /// Its name.
    #[tf(required, validate = length(1..=64))]
    name: Value<String>,
}

impl Action for Rewrite {
    type Model = RewriteModel;
    type Data = Notes;
    const NAME: &'static str = "note_rewrite";

    async fn plan(&self, ctx: &Context<Notes>, config: &RewriteModel) -> Result<()> {
        if config.name.is_unknown() {
            ctx.defer(DeferralReason::ResourceConfigUnknown);
        }
        Ok(())
    }

    async fn invoke(&self, ctx: &ActionContext<Notes>, config: RewriteModel) -> Result<()> {
        let file = ctx.data().file(config.name.as_str().unwrap_or_default())?;
        ctx.progress("reading");
        let text = tokio::fs::read_to_string(&file).await.map_err(|error| failed("read the note", &error))?;
        ctx.progress("writing");
        tokio::fs::write(&file, text).await.map_err(|error| failed("write the note", &error))
    }
}

struct NoteStore;

/// Keeps states as files, and a hidden one for each lock.
#[derive(Clone, Model)]
struct NoteStoreModel {
    /// Where, within the directory of the notes.
    #[tf(required)]
    folder: Value<String>,
}

impl StateStore for NoteStore {
    type Model = NoteStoreModel;
    type Data = Notes;
    type Store = PathBuf;
    const NAME: &'static str = "note_store";

    async fn configure(&self, ctx: &Context<Notes>, config: NoteStoreModel) -> Result<PathBuf> {
        let folder = ctx.data().file(config.folder.as_str().unwrap_or_default())?;
        std::fs::create_dir_all(&folder).map_err(|error| failed("make the folder", &error))?;
        Ok(folder)
    }

    async fn list(&self, store: &PathBuf) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(store).map_err(|error| failed("list states", &error))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !name.starts_with('.')).collect())
    }

    async fn read(&self, store: &PathBuf, id: &str) -> Result<Option<Vec<u8>>> {
        match std::fs::read(store.join(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| failed("read the state", &error)),
        }
    }

    async fn write(&self, store: &PathBuf, id: &str, state: Vec<u8>) -> Result<()> {
        std::fs::write(store.join(id), state).map_err(|error| failed("write the state", &error))
    }

    async fn delete(&self, store: &PathBuf, id: &str) -> Result<()> {
        std::fs::remove_file(store.join(id)).map_err(|error| failed("remove the state", &error))
    }

    async fn lock(&self, store: &PathBuf, id: &str, operation: &str) -> Result<String> {
        let made = std::fs::File::create_new(store.join(format!(".{id}")));
        made.map_err(|_| Diagnostic::error(format!("The state {id} is locked")))?;
        Ok(format!("lock for {operation}"))
    }

    async fn unlock(&self, store: &PathBuf, id: &str, _lock: &str) -> Result<()> {
        std::fs::remove_file(store.join(format!(".{id}"))).map_err(|error| failed("unlock the state", &error))
    }
}

struct NoteKey;

/// A key that exists while Terraform runs.
#[derive(Clone, Model)]
struct NoteKeyModel {
    /// Whose key it is.
    #[tf(required, validate = length(1..=64))]
    name: Value<String>,
    /// How long it lasts unless it is renewed, in milliseconds; for ever by default.
    #[tf(optional, validate = between(1, 3_600_000))]
    lease_ms: Value<i64>,
    /// The key.
    #[tf(computed, sensitive)]
    key: Value<String>,
}

/// A key that is open.
#[derive(Serialize, Deserialize)]
struct OpenKey {
    name: String,
    key: String,
    lease: Option<Duration>,
}

impl EphemeralResource for NoteKey {
    type Model = NoteKeyModel;
    type Data = Notes;
    type Private = OpenKey;
    const NAME: &'static str = "note_key";

    fn validate(&self, config: &NoteKeyModel, out: &mut Diagnostics) {
        if config.name == "nobody" {
            out.push(Diagnostic::error("Nobody has a key").at(Path::root().attr("name")));
        }
    }

    async fn open(&self, ctx: &Context<Notes>, mut config: NoteKeyModel) -> Result<Opened<Self>> {
        let name = config.name.as_str().unwrap_or_default().to_owned();
        if name == "locked out" {
            return Err(Diagnostic::error("The lock is broken").into());
        }
        let key = format!("key-of-{name}");
        let lease = config.lease_ms.known().map(|lease| Duration::from_millis(lease.unsigned_abs()));
        ctx.data().journal(&format!("opened {name}"))?;
        // What a forgetful author would do.
        config.key = if name == "forgotten" { Value::Unknown } else { key.as_str().into() };
        Ok(Opened { result: config, private: OpenKey { name, key, lease }, renew_at: lease.map(from_now) })
    }

    async fn renew(&self, ctx: &Context<Notes>, open: &mut OpenKey) -> Result<Option<Timestamp>> {
        if open.name == "expired" {
            return Err(Diagnostic::error("The key has expired").into());
        }
        open.key.push('+');
        ctx.data().journal(&format!("renewed {}", open.name))?;
        Ok(open.lease.map(from_now))
    }

    async fn close(&self, ctx: &Context<Notes>, open: OpenKey) -> Result<()> {
        // It takes a moment that Terraform's stop must not cut short.
        ctx.within("closing", Duration::from_mins(1), async {
            tokio::task::yield_now().await;
            ctx.data().journal(&format!("closed {}", open.name))
        })
        .await
    }
}

#[allow(clippy::disallowed_methods, reason = "who grants a lease says until when")]
fn from_now(lease: Duration) -> Timestamp {
    Timestamp::now() + lease
}

struct Shout;

/// What to shout.
#[derive(Arguments)]
struct ShoutArguments {
    /// The text.
    #[tf(validate = length(1..=100))]
    text: String,
    /// How often; null means once.
    times: Option<i64>,
    /// More words.
    #[tf(variadic)]
    more: Vec<String>,
}

impl Function for Shout {
    type Arguments = ShoutArguments;
    type Output = String;
    const NAME: &'static str = "shout";
    const SUMMARY: &'static str = "Shouts a text";
    const DESCRIPTION: &'static str = "Upper-cases `text` and more.";

    fn call(&self, arguments: ShoutArguments) -> std::result::Result<String, FunctionError> {
        let times = usize::try_from(arguments.times.unwrap_or(1))
            .map_err(|_| FunctionError::new("cannot be negative").argument(1))?;
        let words = std::iter::once(arguments.text).chain(arguments.more).collect::<Vec<_>>();
        Ok(words.join(" ").to_uppercase().repeat(times))
    }
}

struct Describe;

/// What to describe.
#[derive(Arguments)]
struct DescribeArguments {
    /// A mark; its style may be left out.
    mark: Mark,
}

impl Function for Describe {
    type Arguments = DescribeArguments;
    type Output = Mark;
    const NAME: &'static str = "describe";
    const SUMMARY: &'static str = "Completes a mark";
    const DESCRIPTION: &'static str = "Gives a mark without style the plain one.";

    fn call(&self, DescribeArguments { mut mark }: DescribeArguments) -> std::result::Result<Mark, FunctionError> {
        if mark.style.is_null() {
            mark.style = "plain".into();
        }
        Ok(mark)
    }
}
