use clap::{Command, CommandFactory as _, Parser as _};

use super::Cli;

/// Every command that has no further one below it, with what is typed before it.
fn commands(above: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
    let mut typed = above.to_vec();
    typed.push(command.get_name().into());
    if !command.has_subcommands() {
        found.push((typed, command.clone()));
        return;
    }
    for below in command.get_subcommands() {
        commands(&typed, below, found);
    }
}

#[test]
fn every_command_has_examples_that_can_be_typed() {
    let mut found = Vec::new();
    commands(&[], &Cli::command(), &mut found);
    assert!(found.len() > 20);
    for (typed, command) in found {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let examples: Vec<&str> = help
            .lines()
            .filter_map(|line| line.split_once("plainsight ").map(|(_, words)| words))
            .collect();
        assert!(!examples.is_empty(), "{typed:?} has no example");
        for example in examples {
            // What a shell does with the output is not the command's.
            let words = example.split(" > ").next().unwrap_or(example);
            let words: Vec<&str> = std::iter::once("plainsight")
                .chain(words.split(' '))
                .collect();
            assert!(
                words.iter().zip(&typed).all(|(word, name)| word == name),
                "{example}"
            );
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}
