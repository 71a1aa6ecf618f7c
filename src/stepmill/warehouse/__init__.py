"""Physical tables, their generations, the logical views over them, and the books about what was loaded.

A physical table is a stable id (``physId``). What readers see is a view; behind it stands one *generation*, a real
table. A load fills a *target* that nobody sees, which becomes the next generation or whose rows are moved into the
present one, in the same transaction as its ledger row.

===================  ===========================================================================
``schemas``          an environment's two schemas and its reader role
``columns``          a table's columns, and how two versions of them differ
``tables``           physical tables in the books: find one, make one, hold one still
``targets``          the unseen table of one load
``held``             rows of a small load that need no such table
``load``             the rules of a load, and what makes it needless
``bring_in``         the way of a filled target to its readers, in two parts:
``prepare``          ready it: duplicates, carried rows, indexes, statistics
``publish``          the transaction that shows it to readers, in each load mode
``small``            refuse a replace with suspiciously few rows
``views``            the logical view
``ledger``           what was loaded, what replaced it, how it can be taken back
``retired``          tables kept for an undo
``revert``           take a load back; remove a file's rows
``replay``           load what was rejected
``reject_upkeep``    how long what was rejected is kept
``listing``          tables, loads and rejects as the api shows them
``rows``             a table's rows, by pages
``profile``          what is in each column
``removal``          rename and remove a table
``cleanup``          drop what nobody needs any more
===================  ===========================================================================
"""
