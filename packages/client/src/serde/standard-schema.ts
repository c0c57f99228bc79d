/**
 * The Standard Schema interface, version 1 (https://standardschema.dev): what zod, valibot, arktype and others
 * implement, so that `json(schema)` takes any of them without depending on one.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** Exists only for the compiler. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a caller has to pass for this schema: the type before transformations and defaults. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input']

/** What validation gives back: the type after transformations and defaults. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output']

/** One line for people: `origin: expected string; delay: too small`. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues
    .map(({ message, path }) => {
      const keys = path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
      return keys ? `${keys}: ${message}` : message
    })
    .join('; ')
}
