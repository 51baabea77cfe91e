//! The configuration in force, in the form of the files that it came from.

use api::ConfigDocument;
use serde_json::Value;

use crate::table::printable;

const INDENT: usize = 2;

pub(super) fn config(document: &ConfigDocument) -> String {
    let mut text =
        format!("# node {}, loaded {} as generation {}\n", document.node_name, document.loaded_at, document.generation);
    for file in &document.files {
        text += &format!("# from {} ({} octets)\n", file.path, file.size_octets);
    }
    for warning in &document.warnings {
        text += &format!("# warning: {}\n", warning.to_string().replace('\n', " "));
    }
    for (title, value) in [("node", &document.node), ("network", &document.network)] {
        text += &format!("\n# ---- {title} ----\n");
        write_block(value, 0, &mut text);
    }
    printable(&text).into_owned()
}

/// `value` as YAML in block style, at that indentation.
fn write_block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                *text += &format!("{:indent$}{}:", "", string(key));
                write_after_key(member, indent + INDENT, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                write_item(item, indent, text);
            }
        }
        scalar => *text += &format!("{:indent$}{}\n", "", inline(scalar)),
    }
}

fn write_after_key(value: &Value, indent: usize, text: &mut String) {
    if is_inline(value) {
        *text += &format!(" {}\n", inline(value));
    } else {
        text.push('\n');
        write_block(value, indent, text);
    }
}

/// `- ` and the item's first line on one line.
fn write_item(item: &Value, indent: usize, text: &mut String) {
    let mut block = String::new();
    write_block(item, indent + INDENT, &mut block);
    *text += &format!("{:indent$}- {}", "", block.trim_start_matches(' '));
}

/// Whether it stands on one line: a scalar, something empty, or a list of scalars.
fn is_inline(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => !items.iter().any(|item| item.is_object() || item.is_array()),
        _ => true,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Bare where YAML reads it back as this very text, else in double quotes, whose escapes YAML shares with JSON.
fn string(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,=".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(plain)
        && !text.contains(',')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { Value::from(text).to_string() }
}
