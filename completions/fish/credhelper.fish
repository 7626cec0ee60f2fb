# SPDX-License-Identifier: MIT
# fish completion for credhelper(8)

function __credhelper_names
    # what the store holds, where this user may see it without being asked for a password
    sudo -n credhelper list --names 2>/dev/null
end

function __credhelper_option --description 'an option of the verbs in the first argument'
    set -l verbs (string split ' ' $argv[1])
    complete -c credhelper -n "__fish_seen_subcommand_from $verbs" $argv[2..-1]
end

complete -c credhelper -f
complete -c credhelper -s h -l help -d 'Show the usage'
complete -c credhelper -n 'not __fish_use_subcommand' -l quiet -d 'No notes'
complete -c credhelper -n __fish_use_subcommand -l version -d 'Show the version'

complete -c credhelper -n __fish_use_subcommand -a add -d 'Seal a new credential'
complete -c credhelper -n __fish_use_subcommand -a put -d 'Add or rotate, whatever is needed'
complete -c credhelper -n __fish_use_subcommand -a rotate -d 'Give a credential a new value'
complete -c credhelper -n __fish_use_subcommand -a list -d 'Show the credentials'
complete -c credhelper -n __fish_use_subcommand -a rename -d 'Give a credential another name'
complete -c credhelper -n __fish_use_subcommand -a new -d 'Begin a script that uses credentials'
complete -c credhelper -n __fish_use_subcommand -a remove -d 'Remove a credential'
complete -c credhelper -n __fish_use_subcommand -a check -d 'Look for what is wrong'
complete -c credhelper -n __fish_use_subcommand -a import -d 'Make credentials of a .env file'
complete -c credhelper -n __fish_use_subcommand -a reseal -d 'Seal again with another binding'
complete -c credhelper -n __fish_use_subcommand -a leaks -d 'Search trees and Git history for values'
complete -c credhelper -n __fish_use_subcommand -a log -d 'Show who used what'
complete -c credhelper -n __fish_use_subcommand -a report -d 'One table of many hosts'
complete -c credhelper -n __fish_use_subcommand -a sudoers -d 'Let groups or users run one script'
complete -c credhelper -n __fish_use_subcommand -a allow -d 'Say which scripts may have a credential'

__credhelper_option 'put rotate rename remove check reseal log' -a '(__credhelper_names)'
__credhelper_option 'check import leaks sudoers' -F

__credhelper_option 'add put rotate' -l stdin -d 'Read the value from standard input'
__credhelper_option 'add put rotate' -l multiline -d 'Read several lines, up to Control-D'
__credhelper_option 'add put rotate' -l from-file -r -F -d 'Read the value from a file'
__credhelper_option 'add put rotate' -l exact -d 'Keep a trailing newline'
__credhelper_option 'add put' -l description -x -d 'Where a new value comes from'
__credhelper_option 'add put rotate import' -l delete-source -d 'Remove the file in the end'

__credhelper_option 'add put rotate import reseal' -l with-key -x -a 'auto host tpm2 host+tpm2 tpm2-with-public-key host+tpm2-with-public-key null' -d 'The key to seal with'
__credhelper_option 'add put rotate import reseal' -l tpm2-device -r -F -d 'The TPM2 to use'
__credhelper_option 'add put rotate import reseal' -l tpm2-pcrs -x -d 'PCRs to bind to'
__credhelper_option 'add put rotate import reseal' -l tpm2-public-key -r -F -d 'The key that signs the PCRs'
__credhelper_option 'add put rotate import reseal' -l tpm2-public-key-pcrs -x -d 'PCRs whose values are signed'
__credhelper_option 'add put rotate import reseal' -l tpm2-signature -r -F -d 'The signatures, to unseal with'
__credhelper_option 'add put rotate import reseal' -l tpm2-pcrlock -r -F -d 'A policy of systemd-pcrlock'
__credhelper_option 'add put rotate import reseal' -l not-after -x -d 'When it expires'
__credhelper_option 'add put rotate rename import reseal remove' -l wait -x -d 'How long to wait for another command'

__credhelper_option 'put list check leaks log report' -l json -d 'Print JSON'
__credhelper_option 'list check' -l allow-null -d 'Let the null key pass'
__credhelper_option 'put import reseal' -l dry-run -d 'Show what would be done'
__credhelper_option 'import leaks' -l select -x -a '(__credhelper_names)' -d 'These credentials alone'

__credhelper_option list -l names -d 'Print the names alone'
__credhelper_option list -l verify -d 'Unseal each credential too'
__credhelper_option put -l set -d 'Names and values as JSON'
__credhelper_option 'remove leaks' -l yes -d 'Do not ask'
__credhelper_option check -l fix -d 'Mend owners and modes'
__credhelper_option 'check leaks' -l max-age -x -d 'What is older, in days'
__credhelper_option rotate -l test -x -d 'A command that gets the new value first'
__credhelper_option rotate -l restart -d 'Restart the units that load it'
__credhelper_option import -l rotate -d 'Give existing credentials new values'
__credhelper_option import -l all -d 'Settings too'
__credhelper_option reseal -l all -d 'Every credential'
__credhelper_option leaks -l staged -d 'What is staged for the next commit'
__credhelper_option leaks -l baseline -r -F -d 'Leave out what this has'
__credhelper_option leaks -l value-from -r -F -d 'Search for the value in this file'
__credhelper_option rotate -l forget -d 'Do not keep the old value'
__credhelper_option leaks -l forget -x -a '(__credhelper_names)' -d 'Drop the replaced values of this one'
__credhelper_option leaks -l machine -d 'Search this machine'
__credhelper_option leaks -l area -x -d 'These areas alone'
__credhelper_option leaks -l rewrite -d 'Take it out of the history'
__credhelper_option log -s n -l lines -x -d 'The newest alone'
__credhelper_option 'log leaks' -l since -x -d 'From then on'
__credhelper_option report -F
__credhelper_option report -l html -r -F -d 'Write a page that sorts'
__credhelper_option log -l user -x -a '(__fish_complete_users)' -d 'What this user did'
__credhelper_option log -l script -r -F -d 'The runs of this script'
__credhelper_option log -l no-pager -d 'Do not start less'
__credhelper_option allow -l script -r -F -d 'A script that root alone can write'
__credhelper_option allow -l group -x -a '(__fish_complete_groups)' -d 'For callers in it alone'
__credhelper_option allow -l revoke -d 'Take it from the script again'
__credhelper_option allow -l any -d 'Let every script have it'
__credhelper_option sudoers -l group -x -a '(__fish_complete_groups)' -d 'The group that may'
__credhelper_option sudoers -l user -x -a '(__fish_complete_users)' -d 'The user who may'
__credhelper_option sudoers -l password -d 'Ask for their own password'
__credhelper_option sudoers -l selinux-role -x -d 'What it runs in, under SELinux'
__credhelper_option sudoers -l install -d 'Put it into /etc/sudoers.d'
__credhelper_option sudoers -l revoke -d 'Remove the drop-ins again'
