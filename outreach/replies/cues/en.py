"""English cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            complain* | complaint | unacceptable | disgrace* | disgust* | appall* | outrageous | ridiculous
            fed up | had enough | losing patience | lost patience | sick of | thanks for nothing | a joke | scam
            rip off | rip-off | worst | terrible service | awful service | demand
            demands | demanded | demanding | useless | shame on you
            not impressed | not good enough | disappoint* | frustrat* | let down | furious | angry | annoyed
            annoying | never again | want my money back | want … back | double charged | charged … twice
            still no reply | still no answer | never got an answer | never replied | no one answers
            nobody answers | nobody picks up | on hold | one star | zero stars | would give zero | in circles
            talk to a human | speak to a human | a real person | waste of time | money down the drain
            i regret to inform
            not what i … promised | past its date | poor excuse | so much for
        """,
        2: """
            doesn't work | does not work | didn't work | did not work | not working | isn't working | won't work
            stopped working | no longer works | never works | never worked | won't turn on | won't start
            won't connect | can't connect | cant connect | cannot connect | doesn't fit | does not fit
            keeps … failing | keeps saying | keeps crashing | crash* | broke | broken | breaks | broke down
            has died | is dead | went black | faulty | defective | damaged | cracked | came off | has come off
            will not … any more | won't … any more | in pieces | smashed | scratched
            leak* | flooded | drips | mould | mold | third time | second time | once again | yet again | again.
            again! | how many times | asked … times | told you twice | told you before | as i said before
            weeks ago | for weeks | for months | still waiting | never arrived | hasn't arrived
            has not arrived | not arrived | never comes | never came | supposed to be here | was promised
            promised … days | overdue | no reply | no response | no answer | not answered | ignored | ignoring
            chasing | wrong | incorrect | misleading | mistake | overcharged | too expensive | went up | refund
            poor | terrible | awful | horrible | hopeless | rubbish | garbage | watery | nothing helps
            none of … helps | without a word | without warning | without telling | without asking | seriously?
            can't be right | cannot be right | locked out | can't be used | cannot be used | never authorised
            never authorized | fix your | please fix | downhill | worn out | gets stuck | get stuck | my lawyer
            no better | worse | is expired | i paid | that i paid for | not amused | days late
            weeks late | months late | oh great | oh wonderful | oh brilliant | how wonderful | money back
            does not connect | doesn't connect
            pity | rotten | soaked | mouldy | blank pages | no hot water | no heating | false advertising
            as advertised
            advertised a | not as described | wrong size | wrong catalogue | wrong item | wrong one | wrong address
            i was told | was told that | different stories | took a day | put that right | put this right
            want out of
            anyone there | anybody there | days and counting | weeks and counting | closed again | thrown out
            throws me out | logs me out | eats my battery | drains my | sends me in | without notice | in the rain
            unbelievable | 😡 | 🤬 | 😠 | 👎
        """,
        1: """
            still | unfortunately | sadly | problem* | issue | issues | trouble | fail* | error | stuck | lost
            missing | late | delay* | slow | bad | unhappy | hate | empty | but | however | although | instead
            actually | honestly | frankly | really? | since the update | since your update | after the update
            after your last | cancel* | waiting | waited | twice | every time | all the time | every night
            every single | whatever i do | not even | i expect | expect an explanation | explain why | why can i
            used to be | ever since | burnt | noise | noisy | loud | smell | stain | sour | bitter | months old
            after … months | doesn't | don't you | do you people | supposed to | beyond | joke | full
        """,
        -3: "not a complaint | no complaints | no complaint | can't complain | nothing to complain",
        -2: """
            no problem | not a problem | my own fault
            solved it | works perfectly | everything seems to work | just curious | no worries | all sorted
            works now | works again | sorted now | no hurry | no rush | fixed it | is fixed | all good
            that was it
        """,
        -1: """
            not bad | not unhappy | just wondering | i wonder
            out of interest | slight | should i worry | would love | love the
        """,
    },
    Category.QUESTION: {
        3: """
            could you tell | can you tell | could you please tell | please could you | quick question
            i have a question | a question | quick one | call me back | call me please | please call me
            call me on | ring me
            give me a call | phone me | callback | call back | question: | i wonder if | i was wondering
            i'd like to know | i would like to know | i'd love to know | do you know | is it possible to
            is it ok | is it okay | what is the difference | what's the difference
        """,
        2: """
            how do i | how can i | how often | how long | how much | how many | how to | where can i
            where do i | where is | where's | when is | when are | when does | what is | what are | what's
            what does | which | who do i | can i | could i | may i | should i | do i have to | do i need
            do you ship | do you have | do you offer | does the | does it | does this | is the | is there
            are there | is it | will the | will there | would it | could you send | could you explain
            can you send | could you | can you | would you | any news | don't understand | compatible | i wonder
        """,
        1: "? | whether | please let me know | let me know",
    },
    Category.THANKS: {
        3: """
            thank you so much | thanks so much | many thanks | thanks a lot | thank you very much
            keep them coming | keep it up | very happy | well done | much appreciated | that was it | best tip
            great newsletter | great tip* | love these | love your | pass on our thanks | all sorted | solved it
            my compliments | compliments to | made my day | made my week | made my monday | best stay
            well explained
            clear explanation | patient and kind | couldn't be happier | could not be happier | keep up the
            thanks for sorting | wanted to say that … brilliant
        """,
        2: """
            thank you | thanks | merci | danke | gracias | thx | cheers | ta | brilliant | fantastic | wonderful
            awesome | perfect | excellent | lovely | superb | amazing | delighted | appreciate* | helpful | useful
            great | love | grateful | kudos | works now | works again | 👍 | 🙏 | ❤ | :-) | :) | wow | learned a lot
            learnt a lot | helped
        """,
        1: "happy | good | nice | glad | better than | fun | early | pleased",
        -2: """
            thanks for nothing | thank you for nothing | thanks but | thanks for the tips, but | not impressed
            thank you for the quick answer, however | would be great | would be nice | would be good
            would be helpful | would be lovely
        """,
    },
    Category.UNSUBSCRIBE: {
        3: """
            stop writing to me | stop writing me | cancel these newsletters | cancel these emails | be on this list
            be on your list | rather not get these | rather not receive these | please delete me
            don't send me this | don't send me these | do not send me this | do not send me these
            unsubscribe | unsubscribed | take me off | remove me | off this list | off your list | off the list
            opt out | opt-out | opt me out | stop sending | stop emailing | stop e-mailing | stop mailing
            no more emails | no more e-mails | no more mails | no more newsletters | no longer wish to receive
            stop getting | be removed from | removed from your | removed from this | delete me from
            remove my email
            remove my e-mail | remove this address | remove this email | don't send me any | do not send me any
            don't send me anything | do not send me anything | distribution list | mailing list … off
            get off this list
            get off your list | cancel … subscription to … newsletter | cancel my subscription to this
            end my subscription to … newsletter | no more of these | no more of this | quit sending | cease sending
            don't want to receive | do not want to receive | don't want … emails | don't want … newsletter
            don't want … mails | don't email me | do not email me | do not contact me | don't contact me
            remove my address | delete my address | remove … from your mailing list
            delete … from your mailing list | cancel the newsletter | cancel newsletter | no longer want your
            no longer want to get | never signed up | stop these emails | stop this newsletter | leave this list
            leave the list | cancel my newsletter | do not want any more emails | do not want any more e-mails
            do not want any more mails | don't want any more mails | do not want … emails
            do not want … newsletter* | do not want … mails
        """,
        1: "mailing list | spam",
        -3: """
            don't want to unsubscribe | do not want to unsubscribe | not unsubscribe | before i unsubscribe
            unsubscribe if | or i unsubscribe | or i will unsubscribe | or i'll unsubscribe
            unsubscribed by mistake | did i stop getting | have i stopped getting
            accidentally unsubscribed | unsubscribed by accident | subscribe me again
        """,
    },
    Category.CHANGE_OF_DATA: {
        3: """
            we have moved | we've moved | i have moved | i've moved | we moved | moved house | moving to
            new address | living at | bank details | maiden name | surname is | name is spelt | name is spelled
            name is misspelt | is now called | mobile is now | number is now | phone is now | email is now
            e-mail is now | from now on … instead | old mailbox | old address | amend the invoices
            address has changed | address is now | change of address | change my address
            update my address | update your records | update my details | new e-mail address | new email address
            new email is | email has changed | my last name is now | my name is now | my surname is now
            got married | number has changed | new phone number | new number | change my name | change my e-mail
            change my email | please correct it | card number has changed | deliver … to my office | it's ms
            it's mr | it's mrs | please use my new | new delivery address | write to me as | delete … my data
            delete all my data | delete my personal data | erase my data | right to be forgotten
        """,
        1: "please update | please change | could you change | from now on | new details | closed",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        melted | scorched | allergic reaction | anaphyla* | swell up | swelled up | choked | choking hazard
        carbon monoxide | gas leak | smell of gas | smell gas | electrical fire | overheat* | unsafe | safety hazard
        smoke | smoking | smoked | caught fire | on fire | flames | sparks | burning smell | electric shock
        got a shock | electrocut* | burned my | burnt my | burned her | burned his | injur* | hospital | a&e
        ambulance | dangerous | exploded | burst and | poison* | scalded | bleeding
    """,
    (Urgency.HIGH, "data breach"): """
        data breach | breach of privacy | privacy breach | somebody else's … name | somebody else's orders
        somebody else's data | somebody else's account | someone else's data | someone else's account
        someone else's orders | other people's data | other customers' data | my data … leaked
        other clients | other customers' names | another customer's | another client's | names and account numbers
        leaked my | my details … online | strangers can see | account … hacked | was hacked | gdpr complaint
        data protection authority
    """,
    (Urgency.HIGH, "legal"): """
        lawyer | solicitor | attorney | legal action | take you to court | small claims | sue you | suing
        legal proceedings | small claims court | hear from my | class action | ombudsman | trading standards
        consumer protection | in court | legal steps
    """,
    (Urgency.HIGH, "money"): """
        charged … twice | charged me twice | double charged | charged double | fraud* | unauthorised
        unauthorized | never authorised | never authorized | without my consent | reported it to my bank
        taken … from my savings | taken … from my account | took … from my account | money was taken
        money is missing
        chargeback | money is gone | asked … for my refund | stolen
    """,
    (Urgency.RAISED, "erasure"): """
        right to be forgotten | right to erasure | delete … personal data | erase … personal data | delete … my data
        erase … my data | remove … my data | object to the processing | object to the use of my
    """,
    (Urgency.RAISED, "personal data"): """
        gdpr | subject access request | data subject | right of access | personal data you | data you hold
        data you have about me | data you store about me | information you hold … about me | copy of … my data
        copy of … personal data | processing of my … data
    """,
    (Urgency.RAISED, "accessibility"): """
        blind | screen reader | screenreader | voiceover | talkback | disabilit* | disabled person
        wheelchair | deaf | visually impaired | accessib* | keyboard at all | dyslexi* | colour-blind
        color-blind | hearing aid | hard of hearing | sign language | cannot see the | step-free | partially sighted
    """,
    (Urgency.RAISED, "cancellation"): """
        cancel my subscription | cancel my … subscription | cancel my contract | cancel the contract
        cancel my account | cancel my order | close my account | terminate my | cancel everything
        cancel my membership | cancel my policy | cancel our contract | want out of … contract
        want out of my contract
        switching to another | leaving you for | taking my business | cancel … with immediate effect
        ending my subscription | want to cancel
    """,
}

DENIALS = "not | never | hardly | far from | anything but | *n't | cannot"
DEGREES = "at all | very | really | so | exactly | particularly | too | be | been | feeling | being"
