/** One value as somebody gave it, and where: what the sources of configuration have in common. */

export interface Setting {
  readonly key: string
  readonly value: string
  /** For messages: `millrace.yaml:12`, `--set`, `environment variable MILLRACE_LOG_RETENTION_MS`. */
  readonly origin: string
}
