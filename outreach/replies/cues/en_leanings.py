"""What makes a complaint likelier or less so in English, in log-odds: a hint in each word, and a sum over all of them.

Law: general English of dissatisfaction and of its contrary; weights were chosen by hand and mended on public tweets and
sentences (docs/replies.md names them), never on the replies by which they are judged.
"""

LEANINGS = {
    0.8: "<service> | not | why",
    0.7: "bad",
    0.6: """
        angry | annoyed | annoying | appalling | avoid | awful | beware | bland | boring | can't | cheap | cold
        crap | damn | disappoint* | disaster | disgrace | disgraceful | disgusting | do something | done with
        dry | fed up | fix | fix it | frustrat* | fuck* | garbage | going elsewhere | hate | hell | horrible
        incompeten* | inconvenien* | joke | last time | leave you | leaving for | lie | lied | lies
        lost a customer | lousy | lying | mediocre | mess | misleading | mistake | need help | never | never again
        never buy | never use | nightmare | no | not buy | not receive* | not recommend | not working
        overcooked | pathetic | poor | refuse | refuses | regret | ridiculous | rubbish | rude | sad | seriously
        shame | shameful | shit | shitty | shocking | sick | slow | slower | slowly | smh | sorry | stale
        stay away | stupid | suck | sucks | switching to | take my business | tasteless | terrible | tired of
        trash | ugh | unable | unacceptable | unbelievable | uncomfortable | unhappy | unprofessional | unreliable
        upset | useless | waste | what's going on | when will | where is my | why do | why is | worse | worst
        worthless | wtf | zero
    """,
    0.5: """
        anyone there | are you kidding | do you even | don't | fix this | fix your | get it together | help me
        help please | how can you | how come | how do you expect | how is it | is there a problem
        is there an issue | look into | no answer | no apology | no communication | no explanation | no help
        no longer | no luck | no power | no reply | no response | no service | no signal | no update* | not able
        not acceptable | not available | not good | not happy | please help | please look into | please resolve
        really | resolve | resolved | sort it out | sort this | sort yourselves | what happened | what is going on
        what the | what's the point | when are you | where's my | wheres my | why are | why can't | why did
        why does | why don't | why was | why won't | why would | won't
    """,
    0.4: """
        and still | aren't | blocked | break | broke | broken | bug | bugs | but still | can not | can you help
        cannot | cant | charged | charging | constantly | could not | couldn't | cracked | crash* | crashing | damaged
        dead | defective | delay | delayed | delaying | delays | denied | did not | didn't | didnt | died | dies
        dirty | disappear* | disconnected | do not | does not | doesn't | doesnt | dont | down | empty | error
        errors | every time | fail | failed | failing | fails | failure | fault | faulty | freez* | frozen
        glitch | glitches | hacked | hadn't | hasn't | haven't | hour | hours | hrs | impossible | incorrect
        isn't | issue | issues | late | leak* | locked | lost | min | mins | minutes | missed | missing | money
        no idea | no one | nobody | none | nor | not even | nothing | nowhere | outage | overdue | overpriced
        paid | problem | problems | refused | rejected | still no | still not | still waiting | stop | stopped
        stuck | trouble | troubles | unable to | waited | wasn't | wasting | weren't | wont
    """,
    0.3: """
        again | again and again | ago | always the same | because | bill | billed | canceled | cancelled
        cancelled on | charge | charges | compensate | compensation | credit | customer | customer service
        each time | every day | expensive | fee | fees | fraud | held up | hr | keep getting | keeps | on hold
        once again | pay | paying | postponed | queue | refund | refunded | rip-off | scam | service | steal
        still | stole | third time | twice | wait | waste of | wasted | wrong | yet again | yet another | your
    """,
    0.2: """
        account | after | agent | all day | all week | although | answer | any longer | any more | anymore | app
        asked | at least | bag | bags | barely | been | call | called | calling | card | company | connect
        connecting | connection | contact | cost | customers | days | delivery | despite | download | driver
        email | emailed | employees | even | even though | exchange | expect | expected | for almost | for days
        for hours | for months | for over | for weeks | had been | hardly | has been | have been | how long
        how much longer | however | hung up | ignore | ignored | ignoring | instead | load | loading | log in
        login | luggage | manager | me | months | my | only | order | package | parcel | price | promised | rather
        repair | replace | replacement | reply | reset | respond | response | restart* | return | said | saying
        says | second time | should be | should have | since | site | so long | spoke | staff | support
        supposed to | tell | than | told | too | too long | unfortunately | until | update | updated | upgrade*
        waiting | we | website | weeks | without | work | working
    """,
    0.1: """
        access | anyone | before | eventually | finally | good job | great job | how nice | just great | love how
        love when | nice job | oh great | thank you for | thanks for nothing | their | they | way to go
        well done | years | you
    """,
    -0.1: "i",
    -0.2: """
        birthday | check out | follow me | football | game | girl | giveaway | her | hey | him | join us | please
        president | retweet | rt | season | sign up | song | team | tonight | vote | who | wondering if
    """,
    -0.3: """
        any chance | any idea | any plans | christmas | could i | do you have | do you sell | does anyone | hello
        his | how do i | i wish | is it possible | is there any way | just wondering | kids | looking for
        looking forward | may i | movie | party | she | thanks | tomorrow | what time | win | wish | world
        would love
    """,
    -0.4: "appreciate* | can i | family | fast | grateful | he | helpful | hi | kind | thx | wow",
    -0.5: """
        beautiful | comfortable | congrat* | cool | easy | enjoy* | fantastic | favourite | free | friendly | fun
        haha | impressed | love | loves | loving | thank you | well made | wonderful | works great | works well
        yay
    """,
    -0.6: """
        amazing | awesome | best | can't beat | can't stop | can't wait | cant wait | could not be happier
        couldn't be happier | definitely | delicious | don't miss | excellent | excited | favorite | glad | good
        happy | highly recommend | lol | loved | never disappoint* | never fails | nice | no complaints
        no problem | no worries | not bad | not disappoint* | not only | nothing but | perfect* | pleased | quick
        recommend | welcome | why not | won't be disappointed | worth
    """,
    -0.7: "<link>",
    -0.8: "great",
}
