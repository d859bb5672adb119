//! As much of JSON Schema as the schema of the outputs uses, and no more: an unknown word fails.

use serde_json::Value;

/// Fails if a line that was printed with `--json` is not what the schema says.
pub(crate) fn check(line: &str) {
    let schema: Value = serde_json::from_str(include_str!("../../output.schema.json")).unwrap();
    let value: Value = serde_json::from_str(line).unwrap();
    validate(&schema, &schema, &value, "output");
}

fn validate(root: &Value, schema: &Value, value: &Value, at: &str) {
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                validate(root, &root["$defs"][name], value, at);
            }
            "type" => {
                let one = std::slice::from_ref(rule);
                let allowed = rule.as_array().map_or(one, Vec::as_slice);
                let fits = allowed.iter().any(|kind| is(kind.as_str().unwrap(), value));
                assert!(fits, "{at}: {value} is not {rule}");
            }
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value}"),
            "required" => {
                for name in rule.as_array().unwrap() {
                    assert!(
                        value.get(name.as_str().unwrap()).is_some(),
                        "{at} has no {name}"
                    );
                }
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    let rule = rule.get(name);
                    let rule = rule.unwrap_or_else(|| panic!("{at}: {name} is not in the schema"));
                    validate(root, rule, member, &format!("{at}.{name}"));
                }
            }
            "additionalProperties" => assert_eq!(rule, &Value::Bool(false)),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(root, rule, item, &format!("{at}[]"));
                }
            }
            other => panic!("the schema has {other}, which this test does not know"),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}
