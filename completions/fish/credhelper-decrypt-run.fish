# SPDX-License-Identifier: MIT
# fish completion for credhelper-decrypt-run(8)

function __credhelper_before_script --description 'what follows the script is its own'
    set -l taken no
    for word in (commandline -poc)[2..-1]
        if test $taken = yes
            set taken no
        else if contains -- $word -c --credential -e --environment --python --user --keep-environment
            set taken yes
        else if test $word = -m; or not string match -q -- '-*' $word
            return 1
        end
    end
end

function __credhelper_decrypt_run_option
    complete -c credhelper-decrypt-run -n __credhelper_before_script $argv
end

__credhelper_decrypt_run_option -s c -l credential -x -d 'Decrypt it for the script' -a '(sudo -n credhelper list --names 2>/dev/null)'
__credhelper_decrypt_run_option -s e -l environment -x -d 'Also set VAR=NAME'
__credhelper_decrypt_run_option -s m -x -d 'Run an installed Python module'
__credhelper_decrypt_run_option -l python -r -F -d 'Use this Python interpreter'
__credhelper_decrypt_run_option -l root-owned -d 'Run only what root alone can have written'
__credhelper_decrypt_run_option -l as-invoking-user -d 'Become the user who called sudo'
__credhelper_decrypt_run_option -l user -x -a '(__fish_complete_users)' -d 'Become this user'
__credhelper_decrypt_run_option -l keep-environment -x -a '(set --names --export)' -d 'Let a variable through'
__credhelper_decrypt_run_option -l keep-directory -d 'Start in the directory of the caller'
__credhelper_decrypt_run_option -l share-with-children -d 'Ignored: every child sees the credentials'
__credhelper_decrypt_run_option -l mask-children -d 'Mask what children write, too'
__credhelper_decrypt_run_option -l no-mask -d 'Do not mask values'
__credhelper_decrypt_run_option -l allow-null -d 'Accept the null key'
__credhelper_decrypt_run_option -l dry-run -d 'Show the plan and run nothing'
__credhelper_decrypt_run_option -s h -l help -d 'Show the usage'
__credhelper_decrypt_run_option -l version -d 'Show the version'
