/** The words of a failed system call: "permission denied" of "EACCES: permission denied, open 'x.s'". */
export const reasonOf = (message: string): string => /^E[A-Z0-9]+: (.*), \w+.*$/s.exec(message)?.[1] ?? message
