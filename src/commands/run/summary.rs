//! The file of `--report-summary`, in pnpm's form.

use super::job::Job;
use super::several::Came;
use super::stage::Stage;
use crate::error::{Code, Error};
use serde_json::{Map, Value, json};

/// The file's name, in the folder that deka was called in.
const NAME: &str = "deka-exec-summary.json";

/// Writes what came of each job, by the folder of its project; a project with several scripts has one entry for each.
pub fn write(stage: &Stage<'_>, jobs: &[Job<'_>], came: &[Came]) -> Result<(), Error> {
    let mut entries = Map::new();
    for (job, came) in jobs.iter().zip(came) {
        let entry = match came {
            Came::NotStarted => json!({ "status": "queued" }),
            Came::Passed(took) => json!({ "status": "passed", "duration": took.as_secs_f64() * 1000.0 }),
            Came::Failed(failure, took) => {
                json!({ "status": "failure", "duration": took.as_secs_f64() * 1000.0, "message": failure.message, "exitStatus": failure.status })
            }
            Came::Cut => json!({ "status": "skipped" }),
        };
        let folder = job.project.folder.display().to_string();
        let key = if entries.contains_key(&folder) { format!("{folder} {}", job.name) } else { folder };
        entries.insert(key, entry);
    }
    let text = format!("{:#}\n", Value::Object(Map::from_iter([("executionStatus".to_owned(), Value::Object(entries))])));
    let path = stage.context.dir.join(NAME);
    crate::fs::write_atomic(&path, text.as_bytes()).map_err(|error| Error::wrap(Code::Io, &error))
}
