/**
 * What a topic may be called. A name becomes part of a folder name on disk and of metric names, so the rules are
 * checked wherever a name enters: CreateTopics, and auto-creation on Metadata.
 */
const NAME_LENGTH_MAX = 249
const LEGAL_NAME = /^[a-zA-Z0-9._-]+$/

/** Folder of the metadata log in a data folder; a topic of this name would share it. */
const METADATA_TOPIC = '__cluster_metadata'
const INTERNAL_TOPICS: ReadonlySet<string> = new Set(['__consumer_offsets', '__transaction_state'])

/** @returns why the name can't be a topic's, or null when it can */
export function invalidTopicName(name: string): string | null {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'${name}' is not allowed`
  if (name.length > NAME_LENGTH_MAX) {
    return `the length of '${name.slice(0, 32)}…' is ${name.length}, longer than the maximum of ${NAME_LENGTH_MAX}`
  }
  if (!LEGAL_NAME.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  }
  if (name === METADATA_TOPIC) return `'${name}' is reserved for the cluster's metadata log`
  return null
}

/** Topics that the cluster itself writes: Metadata marks them, and they are never created on a client's word. */
export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.has(name)
}

/**
 * Metric names replace `.` by `_`, so two topics that differ only there would share their metrics, and are refused.
 * @returns the form in which such names are equal, or null when the name has neither character
 */
export function collisionKey(name: string): string | null {
  return name.includes('.') || name.includes('_') ? name.replaceAll('.', '_') : null
}
