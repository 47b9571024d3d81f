/**
 * What each request does to a page in each state. A page's state is a column, a request by an actor a row; what a cell says:
 *   ok     done, with the effect written under the table          last    the same, with the effect called last
 *   yes no the truth value of the answer; yes with the effect      none    success without an effect
 *   BUG    only hyp itself could ask for it, and never does: a panic            -       not asked
 *   PERM INVAL ...  that error (EPERM, EINVAL ...), and nothing changes
 *
 * g and h are two guest pages. In the columns A..., X..., G... the page is at guest page g of the VM named, unless the state says otherwise.
 */

/** The states. Facts that are not named: hyp=NOPAGE pins=0 count=0 owner=-, and no guest has anything at g or h. */
export const STATES = `
H    host=OWNED                                                        plain memory of the host
X    host=OWNED P.g=POISON                                             the host took the page from P by force
Y    host=NOPAGE hyp=OWNED owner=hyp                                   hyp's own
YR   host=NOPAGE hyp=OWNED owner=hyp pins=1                            hyp's own, in use
S    host=SO hyp=SB                                                    shared with hyp
S1   host=SO hyp=SB pins=1                                             and pinned
S2   host=SO hyp=SB pins=2                                             and pinned twice
F    host=SO                                                           lent to the secure world
A1   host=SO count=1 A.g=SB:rw-:young                                  lent to A
AA   host=SO count=2 A.g=SB:r--:old A.h=SB:rw-:young                   lent to A at two guest pages
AB   host=SO count=2 A.g=SB:rw-:young B.g=SB:rw-:old                   lent to A and B
AM   host=SO count=4294967295 A.g=SB:rw-:young                         lent as often as can be counted
XA   host=SO count=1 A.g=SB:rw-:young P.g=POISON                       taken from P by force, then lent to A
G    host=NOPAGE owner=P.g P.g=OWNED:rwx:young                         P's own
GS   host=SB P.g=SO:rwx:young                                          P's own, shared with the host
L    host=NOPAGE owner=gone.g                                          was a protected VM's that is gone, not reclaimed
LS   host=SB                                                           the same, and it had shared the page with the host
N    host=OWNED                                                        RAM that must not be mapped
M    host=OWNED                                                        no RAM
`

export const COLUMNS = "H X Y YR S S1 S2 F A1 AA AB AM XA G GS L LS N M"

/**
 * Actors: the host itself; hyp; for donate_guest, share_guest, relax, mkyoung and poison the VM whose vCPU is loaded on the calling CPU ("none": no
 * vCPU); for unshare_guest, wrprotect, young and reclaim the VM whose handle the host gives ("bad": no VM); for guest_share and guest_unshare the
 * guest. "dying": its teardown has started.
 */
export const TRANSITIONS = `
request                    |  H     X     Y     YR    S     S1    S2    F     A1    AA    AB    AM    XA    G     GS    L     LS    N     M

share_hyp                  |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
unshare_hyp                |  PERM  PERM  PERM  PERM  ok    BUSY  BUSY  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
pin                        |  PERM  PERM  PERM  PERM  ok    ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
unpin                      |  BUG   BUG   BUG   -     BUG   ok    ok    BUG   BUG   BUG   BUG   BUG   BUG   BUG   BUG   BUG   BUG   BUG   BUG
donate_hyp                 |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
hyp_donate_host            |  PERM  PERM  ok    BUSY  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
share_ffa                  |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
unshare_ffa                |  PERM  PERM  PERM  PERM  PERM  PERM  PERM  ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM

donate_guest none g        |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
donate_guest A g           |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
donate_guest P g           |  ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
donate_guest P h           |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
donate_guest Q g           |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM

share_guest none g         |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
share_guest P g            |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
share_guest A g            |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM  PERM
share_guest A h            |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  ok    PERM  ok    BUSY  ok    PERM  PERM  PERM  PERM  PERM  PERM
share_guest B g            |  ok    ok    PERM  PERM  PERM  PERM  PERM  PERM  ok    ok    PERM  BUSY  ok    PERM  PERM  PERM  PERM  PERM  PERM
share_guest A g prot=8     |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL

unshare_guest bad g        |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
unshare_guest P g          |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
unshare_guest A g          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT last  ok    ok    ok    last  NOENT NOENT NOENT NOENT NOENT NOENT
unshare_guest A h          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT ok    NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
unshare_guest B g          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT ok    NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
unshare_guest A g dying    |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT last  ok    ok    ok    last  NOENT NOENT NOENT NOENT NOENT NOENT

relax none g               |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
relax P g                  |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
relax A g                  |  AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN ok    ok    ok    ok    ok    AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN
relax A h                  |  AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN ok    AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN
relax B g                  |  AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN ok    AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN
relax A g prot=8           |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL

wrprotect bad g            |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
wrprotect P g              |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
wrprotect A g              |  none  none  none  none  none  none  none  none  ok    ok    ok    ok    ok    none  none  none  none  none  none
wrprotect A h              |  none  none  none  none  none  none  none  none  none  ok    none  none  none  none  none  none  none  none  none
wrprotect B g              |  none  none  none  none  none  none  none  none  none  none  ok    none  none  none  none  none  none  none  none

young bad g                |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
young P g                  |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
young A g                  |  no    no    no    no    no    no    no    no    yes   no    yes   yes   yes   no    no    no    no    no    no
young A h                  |  no    no    no    no    no    no    no    no    no    yes   no    no    no    no    no    no    no    no    no
young B g                  |  no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no

mkyoung none g             |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
mkyoung P g                |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
mkyoung A g                |  none  none  none  none  none  none  none  none  ok    ok    ok    ok    ok    none  none  none  none  none  none
mkyoung B g                |  none  none  none  none  none  none  none  none  none  none  ok    none  none  none  none  none  none  none  none

guest_share P g            |  NOENT HWPSN NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT HWPSN ok    PERM  NOENT NOENT NOENT NOENT
guest_share P h            |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
guest_share Q g            |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
guest_unshare P g          |  NOENT HWPSN NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT HWPSN PERM  ok    NOENT NOENT NOENT NOENT
guest_unshare P h          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
guest_unshare Q g          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT

force_reclaim              |  AGAIN AGAIN PERM  PERM  AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN ok    AGAIN AGAIN AGAIN AGAIN FAULT
poison none g              |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
poison P g                 |  no    yes   no    no    no    no    no    no    no    no    no    no    yes   no    no    no    no    no    no
poison P h                 |  no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no
poison A g                 |  no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no    no

reclaim bad g              |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
reclaim P g                |  INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL INVAL
reclaim P g dying          |  NOENT none  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT none  ok    last  NOENT NOENT NOENT NOENT
reclaim P h dying          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
reclaim Q g dying          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT
reclaim A g dying          |  NOENT NOENT NOENT NOENT NOENT NOENT NOENT NOENT PERM  PERM  PERM  PERM  PERM  NOENT NOENT NOENT NOENT NOENT NOENT
`

/** What changes. "@" is the actor's guest page; "@~x" changes access or age of what is there and "@=-" removes it; "cleared": the page is zeroed. */
export const EFFECTS = `
share_hyp             host=SO hyp=SB
unshare_hyp           host=OWNED hyp=NOPAGE
pin                   pins+1
unpin                 pins-1
donate_hyp            host=NOPAGE hyp=OWNED owner=hyp
hyp_donate_host       host=OWNED hyp=NOPAGE owner=-
share_ffa             host=SO
unshare_ffa           host=OWNED
donate_guest          host=NOPAGE owner=@ @=OWNED:rwx:young
share_guest           host=SO count+1 @=SB:rw-:young
unshare_guest         count-1 @=-
unshare_guest last    host=OWNED count-1 @=-
relax                 @~rwx
wrprotect             @~r--
young                 @~old
mkyoung               @~young
guest_share           host=SB owner=- @=SO:rwx:young
guest_unshare         host=NOPAGE owner=@ @=OWNED:rwx:young
force_reclaim         host=OWNED owner=- @=POISON cleared
poison
reclaim               host=OWNED owner=- @=- cleared
reclaim last          host=OWNED @=-
`
