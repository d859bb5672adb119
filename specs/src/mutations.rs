//! For tests of JSON formats: everything that can be wrong with one member of an object.

use serde_json::{Value, json};

/// Texts of `document`, each with one fault in the object at `pointer`: a member missing (but not
/// the `optional` ones), null, of every other type, or twice, and a member that is unknown.
pub(crate) fn mutations(document: &Value, pointer: &str, optional: &[&str]) -> Vec<String> {
    let mut around = document.clone();
    let object = around.pointer_mut(pointer).unwrap().take();
    *around.pointer_mut(pointer).unwrap() = "@object@".into();
    let mut texts = vec![with(&object, "unknown", &json!(1))];
    for (name, value) in object.as_object().unwrap() {
        if !optional.contains(&name.as_str()) {
            let mut less = object.clone();
            less.as_object_mut().unwrap().remove(name);
            texts.push(less.to_string());
        }
        for other in [
            json!(null),
            json!(true),
            json!(1),
            json!("x"),
            json!([]),
            json!({}),
        ] {
            if std::mem::discriminant(&other) != std::mem::discriminant(value) {
                texts.push(with(&object, name, &other));
            }
        }
        let rest = object.to_string();
        texts.push(format!("{{{}:{value},{}", json!(name), &rest[1..]));
    }
    let around = around.to_string();
    texts
        .into_iter()
        .map(|text| around.replace("\"@object@\"", &text))
        .collect()
}

fn with(object: &Value, name: &str, value: &Value) -> String {
    let mut object = object.clone();
    object[name] = value.clone();
    object.to_string()
}
