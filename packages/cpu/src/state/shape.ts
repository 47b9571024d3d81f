/**
 * Shapes of saved state: a structure says once, as a value, what it keeps. The type of what is captured is inferred from it, and whoever reads a snapshot
 * checks a stranger's bytes against the same value.
 */

/**
 * "u64" is a bigint below 2^64, "u32" and "size" whole numbers (below 2^32, below 2^53), "flag" a boolean, "text" a string of at most 4096 characters, "bytes"
 * any bytes. `bytes` says how many there are; `most` how many elements a list has at most; `maybe` is null when there is nothing.
 */
export type Shape =
  | "u64"
  | "u32"
  | "size"
  | "flag"
  | "text"
  | "bytes"
  | { readonly bytes: number }
  | { readonly list: Shape; readonly most: number }
  | { readonly maybe: Shape }
  | { readonly oneOf: readonly string[] }
  /** An object with a `kind`, which says what else it has. */
  | { readonly kinds: Readonly<Record<string, Fields>> }
  | { readonly fields: Fields }
/** Fields of a saved object by name, in the order in which they are written. */
export type Fields = Readonly<Record<string, Shape>>

/** What a shape describes. */
export type Saved<S> = S extends "u64"
  ? bigint
  : S extends "u32" | "size"
    ? number
    : S extends "flag"
      ? boolean
      : S extends "text"
        ? string
        : S extends "bytes" | { readonly bytes: number }
          ? Uint8Array
          : S extends { readonly list: infer E }
            ? readonly Saved<E>[]
            : S extends { readonly maybe: infer M }
              ? Saved<M> | null
              : S extends { readonly oneOf: readonly (infer T)[] }
                ? T
                : S extends { readonly kinds: infer K }
                  ? { [N in keyof K]: { readonly kind: N } & SavedFields<K[N]> }[keyof K]
                  : S extends { readonly fields: infer F }
                    ? SavedFields<F>
                    : never
/** The values that fields may have. */
export type SavedFields<F> = { readonly [N in keyof F]: Saved<F[N]> }

/** States a shape so that its names and choices stay literal. */
export const shape = <const S extends Shape>(declaration: S): S => declaration
