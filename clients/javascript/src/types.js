/** The shapes of the HTTP contract. More fields may come; none is renamed. */

/** @typedef {"PENDING" | "RUNNING" | "DONE" | "ERROR" | "CANCELLED"} JobStatus */
/** @typedef {"PENDING" | "RUNNING" | "DONE" | "ERROR"} StepStatus */
/** @typedef {"replaceFile" | "replace" | "append" | "upsert" | "replacePartition"} LoadMode */
/** @template T @typedef {{items: T[], nextCursor?: string}} Page A page of a list. `nextCursor` is there where more follows. */

/**
 * @typedef {object} JobRequest
 * @property {string} type
 * @property {Record<string, unknown>} params
 * @property {string} [envId]
 * @property {number} [priority] -100 to 100; higher first.
 * @property {string} [runAt] RFC 3339.
 * @property {number} [maxAttempts]
 * @property {number} [timeoutSeconds]
 * @property {string} [idempotencyKey]
 */
/**
 * @typedef {object} JobFilters
 * @property {string | string[]} [jobId] Up to 500.
 * @property {JobStatus | JobStatus[]} [status]
 * @property {string | string[]} [type]
 * @property {string} [envId]
 * @property {Date | string} [createdAfter]
 * @property {Date | string} [createdBefore]
 * @property {string} [q]
 */
/** @typedef {{total: number, byStatus: Record<JobStatus, number>}} JobCounts */
/** One start of work on a job. `outcome` is null while it goes on. @typedef {{attempt: number, workerId: string, startedAt: string, endedAt: string | null, outcome: string | null}} Attempt */
/** @typedef {{subject: string, tenantId: string, roles: ("viewer" | "operator" | "editor" | "administrator")[], version: string}} Session */
/** @typedef {{code: string, message: string, retryable: boolean, details?: unknown}} Failure */
/** @typedef {{done: number | null, total: number | null, unit: string | null, message: string | null}} Progress */
/** How many steps are done, and how far the one that runs is. @typedef {{stepsDone: number, stepsTotal: number, step: string | null} & Partial<Progress>} JobProgress */
/**
 * @typedef {object} Step
 * @property {string} name
 * @property {StepStatus} status
 * @property {number | null} attempt
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {Progress | null} progress
 * @property {any} output
 * @property {Failure | null} error
 */
/**
 * @typedef {object} Job
 * @property {string} jobId
 * @property {string} type
 * @property {JobStatus} status
 * @property {{code: string, message: string, since: string, heldBy?: any} | null} waiting Why a PENDING job does not run.
 * @property {string} envId
 * @property {string} tenantId
 * @property {Record<string, any>} params
 * @property {Step[]} steps
 * @property {any} result
 * @property {Failure | null} error
 * @property {number} attempt
 * @property {number} maxAttempts
 * @property {number} priority
 * @property {number} failures Attempts that ended in an error; `maxAttempts` limits them.
 * @property {number} crashes In a row, in the same step, without progress.
 * @property {number | null} timeoutSeconds
 * @property {JobProgress} progress
 * @property {string | null} cancelRequestedAt
 * @property {string} createdAt
 * @property {string} runAt
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {string} createdBy
 */
/** @typedef {import("./sse.js").StreamEvent} StreamEvent */
/** @typedef {{type: string, description: string, paramsSchema: any, steps: {name: string, always: boolean}[]}} JobType */
/**
 * What a worker does now. @typedef {{jobId: string, type: string, step: string | null, envId: string, startedAt: string}} RunningJob
 */
/**
 * @typedef {object} Worker
 * @property {string} workerId
 * @property {string} host
 * @property {number} pid
 * @property {string} version
 * @property {string[]} types
 * @property {number} runningJobs Those of all tenants.
 * @property {number} concurrency How many it can run at once.
 * @property {number} memoryBytes
 * @property {string} startedAt
 * @property {string} lastSeenAt
 * @property {RunningJob[]} jobs Those of the caller's tenant.
 */
/** @typedef {{envId: string, name: string, schemaName: string, createdAt: string}} Environment */
/** Where files are taken from: those below the URL whose paths fit the pattern. @typedef {{url: string, glob?: string}} Place */
/**
 * What a scan of an area's place found, and the jobs it submitted.
 * @typedef {object} Scan
 * @property {number} found
 * @property {number} unchanged
 * @property {{path: string, fileId: string, jobId: string}[]} jobs
 * @property {{path: string, reason: string}[]} skipped What can't be taken.
 * @property {number} remaining How many new ones the next scan would find.
 */
/**
 * @typedef {object} Area
 * @property {string} areaId
 * @property {string} name
 * @property {LoadMode} loadMode
 * @property {string[]} keyColumns
 * @property {"evolve" | "freeze" | "discardRow" | "discardValue"} schemaChange
 * @property {Place | null} [source]
 * @property {string | null} physId
 * @property {string} createdAt
 * @property {number} files How many there are.
 * @property {number} bytes Of all files together.
 * @property {number | null} planVersion The version of the plan that is in force.
 */
/**
 * The newest load of a file. @typedef {{loadId: string, jobId: string, finishedAt: string, rowsRead: number, rowsLoaded: number, rowsRejected: number, rowsFiltered: number, rowsDeduplicated: number}} LastLoad
 */
/**
 * @typedef {object} StoredFile
 * @property {string} fileId
 * @property {string} areaId
 * @property {string} name
 * @property {number} bytes
 * @property {string} [sha256]
 * @property {string} [format]
 * @property {string} createdAt
 * @property {string | null} [duplicateOf]
 * @property {LastLoad | null} [lastLoad]
 */
/** @typedef {{code: string, message: string, column?: string}} Finding */
/** @typedef {{line: number, text: string, kind: "preamble" | "header" | "record" | "comment" | "blank", truncated: boolean}} Line */
/** @typedef {{from: any, to: any, count: number}} Bucket */
/**
 * @typedef {object} PreviewColumn
 * @property {string} name
 * @property {string} logicalName
 * @property {string | null} [source]
 * @property {string} type
 * @property {string | null} [mapping]
 * @property {boolean} nullable
 * @property {number} nulls
 * @property {number} misfits Values that are not of the type.
 * @property {number | null} distinct
 * @property {any} min
 * @property {any} max
 * @property {string[]} examples
 * @property {Bucket[] | null} [histogram] Of numbers, dates and times.
 * @property {{value: string, count: number}[] | null} [commonest] Of everything else.
 */
/**
 * @typedef {object} FilePreview
 * @property {string} format
 * @property {string} encoding
 * @property {string | null} delimiter
 * @property {string | null} quote
 * @property {number | null} headerRows
 * @property {number | null} preambleRows
 * @property {string | null} recordsPath
 * @property {string | null} sheet
 * @property {PreviewColumn[]} columns
 * @property {Line[]} lines The first lines as they stand in the file.
 * @property {Record<string, any>[]} rows
 * @property {number} rowsProfiled How many rows the columns' types, counts and examples are told from.
 * @property {Reject[]} rejects
 * @property {Finding[]} evidence
 * @property {Finding[]} warnings
 */
/**
 * @typedef {object} PlanVersion
 * @property {number} version
 * @property {"rules" | "ai" | "user"} author
 * @property {"draft" | "approved" | "superseded"} status
 * @property {number | null} [score]
 * @property {string} createdAt
 */
/** @typedef {PlanVersion & {source: any, columns: any[], [field: string]: any}} Plan */
/** @typedef {{columns: any[], rows: Record<string, any>[], rejects: Reject[], warnings: Finding[], rowsRead: number, rowsFiltered: number}} PlanPreview */
/**
 * @typedef {object} Table
 * @property {string} physId
 * @property {string} logicalName
 * @property {{kind: "area" | "stream", id: string}} owner
 * @property {{name: string, logicalName: string, type: string, unit?: string, nullable: boolean}[]} columns
 * @property {number} rows
 * @property {number} bytes
 * @property {string | null} [timeColumn]
 * @property {any} timeSeries
 * @property {number | null} planVersion
 * @property {string | null} lastLoadAt
 */
/**
 * @typedef {object} ColumnProfile
 * @property {string} name
 * @property {string} logicalName
 * @property {string} type
 * @property {number} nulls
 * @property {number} distinct
 * @property {any} min
 * @property {any} max
 * @property {{at: number, value: any}[]} [quantiles] Of numbers, dates and times.
 * @property {Bucket[]} [histogram] Of numbers, dates and times.
 * @property {{value: string, count: number}[]} [commonest] Of everything else.
 */
/** @typedef {{physId: string, rows: number, sampledRows: number, columns: ColumnProfile[]}} Profile */
/**
 * @typedef {object} Load
 * @property {string} loadId
 * @property {string} jobId
 * @property {number} attempt
 * @property {LoadMode} mode
 * @property {number} planVersion
 * @property {string} [fileId]
 * @property {string} [fileName]
 * @property {number} rowsRead
 * @property {number} rowsLoaded
 * @property {number} rowsRejected
 * @property {number} rowsFiltered
 * @property {number} rowsDeduplicated
 * @property {number} [bytesRead]
 * @property {string} [replayOf] The load whose rejects this one loaded.
 * @property {string} [supersededBy] The load that is in force instead.
 * @property {string} [revertedAt] When it was taken back.
 * @property {string} [removedAt] When its file's rows were removed.
 * @property {string} startedAt
 * @property {string} [finishedAt]
 */
/** A field of a rejected record. @typedef {{name: string | null, value: string | null, offending: boolean}} Cell */
/**
 * @typedef {object} Reject
 * @property {number | null} line
 * @property {string | null} column
 * @property {string} reason
 * @property {string} code
 * @property {string | null} raw
 * @property {Cell[] | null} cells The record's fields; null where it can't be split into any.
 */

export {};
