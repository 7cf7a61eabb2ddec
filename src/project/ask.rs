//! Asks another program a question: runs it with a time limit and returns what it prints.

use super::env::Env;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The most that is read of an answer, in bytes.
const ANSWER_MAX: u64 = 64 * 1024;

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The program, absolute.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// All of its environment.
    pub env: &'a Env,
    /// The folder it runs in.
    pub cwd: &'a Path,
    /// When to give up.
    pub timeout: Duration,
}

/// Runs the program and returns its standard output, or why there is none.
pub fn ask(asked: &Asked<'_>) -> Result<String, String> {
    let mut child = Command::new(asked.program)
        .args(asked.arguments)
        .env_clear()
        .envs(asked.env.variables())
        .current_dir(asked.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", asked.program.display()))?;
    let deadline = Instant::now() + asked.timeout;
    let (send, receive) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        // A program that never closes its output must not hold up the caller, so another thread waits for it.
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = out.take(ANSWER_MAX).read_to_end(&mut answer);
            let _ = send.send(answer);
        });
    }
    let late = || format!("{} gave no answer within {} s", asked.program.display(), asked.timeout.as_secs());
    let Ok(answer) = receive.recv_timeout(asked.timeout) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(late());
    };
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return String::from_utf8(answer).map_err(|_| "the answer is not text".to_owned()),
            Ok(Some(status)) => return Err(format!("{} ended with {status}", asked.program.display())),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(late());
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, ask};
    use crate::project::env::Env;
    use std::path::Path;
    use std::time::{Duration, Instant};

    fn shell(script: &str, timeout: Duration) -> Result<String, String> {
        let env = Env::from_iter([("PATH", "/usr/bin:/bin"), ("A", "1")]);
        ask(&Asked { program: Path::new("/bin/sh"), arguments: &["-c", script], env: &env, cwd: Path::new("/"), timeout })
    }

    #[test]
    fn returns_the_answer_or_the_reason() {
        let long = Duration::from_secs(20);
        assert_eq!(shell("echo $A $HOME; pwd", long).as_deref(), Ok("1\n/\n"));
        assert!(shell("exit 3", long).expect_err("a failure").contains("exit status: 3"));
        let start = Instant::now();
        assert!(shell("sleep 20", Duration::from_millis(50)).expect_err("late").contains("no answer"));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
