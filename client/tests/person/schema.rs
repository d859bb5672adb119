//! The checked-in schema of the outputs, by an independent validator.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../output.schema.json")).unwrap());

/// The name of a command's object in the schema.
pub(crate) fn name(command: &str) -> String {
    command.replace(' ', "-")
}

/// Whether the schema has an object of that name.
pub(crate) fn has(name: &str) -> bool {
    SCHEMA["$defs"].get(name).is_some()
}

/// What is wrong with a line as the object of that name.
pub(crate) fn faults(name: &str, line: &Value) -> Vec<String> {
    assert!(has(name), "{name} is not in the schema");
    let schema = serde_json::json!({
        "$schema": SCHEMA["$schema"],
        "$defs": SCHEMA["$defs"],
        "$ref": format!("#/$defs/{name}"),
    });
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator
        .iter_errors(line)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Fails if a line that a command printed with `--json` is neither its object nor why there is
/// none, or if the whole schema says otherwise.
pub(crate) fn check(command: &str, line: &str) {
    let value: Value = serde_json::from_str(line).unwrap();
    let name = if value.get("error").is_some() {
        "stopped".into()
    } else {
        name(command)
    };
    assert_eq!(
        faults(&name, &value),
        Vec::<String>::new(),
        "{name}: {line}"
    );
    let whole = jsonschema::draft202012::new(&SCHEMA).unwrap();
    assert!(whole.is_valid(&value), "{line}");
}
