/** Ctrl-C and SIGTERM as an `AbortSignal`; the second one ends the process at once. */

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

let controller: AbortController | null = null

/** The same one for every caller: a process is interrupted once. */
export function interruptSignal(): AbortSignal {
  if (controller !== null) return controller.signal
  const created = new AbortController()
  controller = created
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (created.signal.aborted) process.exit(SIGNAL_EXIT_CODES[name])
      process.exitCode = SIGNAL_EXIT_CODES[name]
      created.abort()
    })
  }
  return created.signal
}
