//! A home, a project and a store in one temporary folder, and the binary run inside of them with nothing else to see.

use super::output::{self, Output, Said};
use super::registry::Registry;
use super::server::Server;
use super::tree;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::time::Duration;
use tempfile::TempDir;

/// No run takes as long as this, however slow the machine is; one that does hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// A project folder in a home of its own. Environments made with [`TestEnv::another`] share the home and the store.
pub struct TestEnv {
    root: Arc<TempDir>,
    project: PathBuf,
    /// The registry that it was made with, which many tests do not name again.
    _server: Option<Arc<Server>>,
}

/// A run that is being prepared.
pub struct Run {
    command: Command,
    shown: String,
    folders: Vec<(String, &'static str)>,
    limit: Duration,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    shown: String,
    folders: Vec<(String, &'static str)>,
    limit: Duration,
}

/// Copies the program to another place. Another process does it: a test beside this one that starts something at this
/// moment would hand a file that is open for writing on to its child, and no file that is can be run.
pub fn copy_of_deka(to: &Path) {
    let status = Command::new("cp").arg(env!("CARGO_BIN_EXE_deka")).arg(to).status().unwrap();
    assert!(status.success());
}

/// Has this process, and so all that it starts, listen to the signals that `nohup` and a shell's background jobs ignore.
fn listen_to_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
            // SAFETY: the default action is no code of this process.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    });
}

impl TestEnv {
    /// Makes an empty project that knows no registry.
    pub fn new() -> TestEnv {
        listen_to_signals();
        let root = Arc::new(tempfile::Builder::new().prefix("deka-test-").tempdir().unwrap());
        let project = root.path().canonicalize().unwrap().join("project");
        let env = TestEnv { root, project, _server: None };
        for folder in [env.project.clone(), env.home(), env.at_root("tmp")] {
            fs::create_dir_all(folder).unwrap();
        }
        env
    }

    /// Makes an empty project whose user has configured a registry. Retries come quickly.
    pub fn with(registry: &Registry) -> TestEnv {
        let env = TestEnv { _server: Some(registry.keep()), ..TestEnv::new() };
        env.user_npmrc(&format!("registry={}\n", registry.url()));
        env
    }

    /// Makes another empty project of the same user.
    pub fn another(&self, name: &str) -> TestEnv {
        let project = self.at_root(name);
        fs::create_dir_all(&project).unwrap();
        TestEnv { root: Arc::clone(&self.root), project, _server: self._server.clone() }
    }

    /// Writes the user's `.npmrc`; retries come quickly unless the text says otherwise.
    pub fn user_npmrc(&self, text: &str) {
        let text = format!("fetch-retry-mintimeout=5\nfetch-retry-maxtimeout=20\n{text}");
        fs::write(self.home().join(".npmrc"), text).unwrap();
    }

    /// Returns the folder of the project.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Returns the user's home.
    pub fn home(&self) -> PathBuf {
        self.at_root("home")
    }

    /// Returns the default place of the store.
    pub fn store(&self) -> PathBuf {
        self.at_root("home/.local/share/deka/store/v1")
    }

    /// Returns a path beside the project and the home.
    pub fn at_root(&self, path: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(path)
    }

    /// Writes `package.json`, in one step: another process may be reading it.
    pub fn manifest(&self, manifest: Value) -> &TestEnv {
        self.write(".package.json.new", serde_json::to_string_pretty(&manifest).unwrap() + "\n");
        fs::rename(self.project.join(".package.json.new"), self.project.join("package.json")).unwrap();
        self
    }

    /// Writes a `package.json` with these `dependencies`.
    pub fn depends_on(&self, dependencies: &[(&str, &str)]) -> &TestEnv {
        let dependencies: BTreeMap<&str, &str> = dependencies.iter().copied().collect();
        self.manifest(serde_json::json!({ "name": "app", "version": "1.0.0", "dependencies": dependencies }))
    }

    /// Writes a file of the project and the folders above it.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &TestEnv {
        let path = self.project.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// Copies a sample of `examples` into the project, without what was installed, locked or built there.
    pub fn copy_sample(&self, name: &str) -> &TestEnv {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let is_source = |entry: &walkdir::DirEntry| !["node_modules", "dist", "deka.lock"].iter().any(|made| entry.file_name() == *made);
        for entry in walkdir::WalkDir::new(&sample).into_iter().filter_entry(is_source).map(Result::unwrap) {
            if entry.file_type().is_file() {
                let below = entry.path().strip_prefix(&sample).unwrap().to_str().unwrap();
                self.write(below, fs::read(entry.path()).unwrap());
            }
        }
        self
    }

    /// Reads a file of the project.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project.join(path)).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.tree()))
    }

    /// Says whether something stands at a path of the project, be it a link that leads nowhere.
    pub fn has(&self, path: &str) -> bool {
        self.project.join(path).symlink_metadata().is_ok()
    }

    /// Removes something of the project.
    pub fn remove(&self, path: &str) -> &TestEnv {
        let path = self.project.join(path);
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        self
    }

    /// Reads the lockfile.
    #[track_caller]
    pub fn lockfile(&self) -> Value {
        serde_json::from_str(&self.read("deka.lock")).unwrap()
    }

    /// Prints `node_modules`.
    pub fn tree(&self) -> String {
        tree::print(&self.project.join("node_modules"))
    }

    /// Returns what is at the root of the temporary folder besides what belongs to the project, the user's data and the
    /// caches: what should not be there. Also names leftovers of work that was not finished.
    pub fn strays(&self) -> Vec<String> {
        let mut strays: Vec<String> = tree::paths(&self.at_root("")).into_iter().filter(|path| !is_expected(path)).collect();
        let started = |path: &String| path.split('/').any(|part| part.ends_with(".tmp") || part.starts_with(".tmp-"));
        strays.extend(tree::paths(&self.project).into_iter().filter(started));
        strays.extend(tree::paths(&self.store().join("tmp")).into_iter().filter(|path| !path.ends_with('/')));
        strays
    }

    /// Runs deka to its end.
    pub fn deka<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Output {
        self.prepare(arguments).run()
    }

    /// Runs `deka install`.
    pub fn install(&self) -> Output {
        self.deka(["install"])
    }

    /// Prepares a run of deka in the project.
    pub fn prepare<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Run {
        self.prepare_program(Path::new(env!("CARGO_BIN_EXE_deka")), arguments)
    }

    /// Prepares a run of another program in the same surroundings.
    pub fn prepare_program<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, program: &Path, arguments: I) -> Run {
        let arguments: Vec<OsString> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let home = self.home();
        let mut command = Command::new(program);
        command.args(&arguments).current_dir(&self.project).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("TMPDIR", self.at_root("tmp")).env("COLUMNS", "100").env("LANG", "C.UTF-8");
        for (name, folder) in [("DATA", ".local/share"), ("CACHE", ".cache"), ("CONFIG", ".config"), ("STATE", ".local/state")] {
            command.env(format!("XDG_{name}_HOME"), home.join(folder));
        }
        command.env("npm_config_globalconfig", self.at_root("no-such-npmrc"));
        let words: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let name = program.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        Run { command, shown: format!("{name} {}", words.join(" ")), folders: self.folders(), limit: LIMIT }
    }

    fn folders(&self) -> Vec<(String, &'static str)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        vec![
            (text(self.store()), "[STORE]"),
            (text(self.project.clone()), "[PROJECT]"),
            (text(self.home()), "[HOME]"),
            (text(self.at_root("")).trim_end_matches('/').to_owned(), "[ROOT]"),
        ]
    }
}

fn is_expected(path: &str) -> bool {
    let under = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    under("project")
        || path == "home/"
        || path == "home/.npmrc"
        || under("home/.cache")
        || path == "home/.local/"
        || path == "home/.local/share/"
        || under("home/.local/share/deka")
        || path == "tmp/"
}

impl Run {
    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.shown = format!("{name}={} {}", value.as_ref().to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    /// Starts in another folder.
    pub fn in_folder(mut self, folder: &Path) -> Run {
        self.command.current_dir(folder);
        self
    }

    /// Takes it for hanging after another time than most runs.
    pub fn limit(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    /// Gives access to the command itself.
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Run {
        change(&mut self.command);
        self
    }

    /// Starts the run.
    pub fn start(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.shown));
        Running { child, shown: self.shown, folders: self.folders, limit: self.limit }
    }

    /// Runs to the end.
    pub fn run(self) -> Output {
        self.start().finish()
    }
}

impl Running {
    /// Ends the process at once, as a power cut would, and waits until it is gone.
    pub fn kill(mut self) -> Said {
        let _ = self.child.kill();
        self.finish().ignored()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, signal);
    }

    /// Waits for the end. A process that never ends is ended, and the test fails.
    pub fn finish(mut self) -> Output {
        // A background child of a script may keep the pipes open; it must not outlive its parent unnoticed.
        let stdout = drain(self.child.stdout.take().unwrap());
        let stderr = drain(self.child.stderr.take().unwrap());
        let id = rustix::process::Pid::from_child(&self.child);
        let (ended, end) = channel::<()>();
        let watch = std::thread::spawn(move || {
            let late = end.recv_timeout(self.limit) == Err(RecvTimeoutError::Timeout);
            late && rustix::process::kill_process(id, rustix::process::Signal::KILL).is_ok()
        });
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let status = self.child.wait().unwrap();
        drop(ended);
        let shown = |bytes: Vec<u8>| output::normalise(&String::from_utf8_lossy(&bytes), &self.folders);
        let said = Said { status, stdout: shown(stdout), stderr: shown(stderr), command: self.shown };
        assert!(!watch.join().unwrap(), "it hangs\n{}", said.report());
        Output(said)
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
