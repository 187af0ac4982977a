"""What makes a complaint likelier or less so in French, in log-odds: a hint in each word, and a sum over all of them.

Law: general French of dissatisfaction and of its contrary; weights were chosen by hand, never on the replies by which
they are judged.
"""

LEANINGS = {
    0.8: "<service> | merci pour rien | pas | pourquoi | malheureusement | hélas | dommage",
    0.7: """
        bloqué* | raccroché | morceaux | brisé* | seconde fois | deuxième fois | plus rien | manque | jamais
        rien | personne ne | aucun | aucune | ne … plus | n' … plus | ni | non | sans
    """,
    0.6: """
        mauvais* | mal | pire | nul | nulle | horrible* | affreu* | infernal* | insupportable* | pénible*
        infect* | imbuvable | dégueulasse | dégoût* | triste | colère | furieu* | énerv* | agac* | ras le bol
        ras-le-bol | marre | foutage | honte | honteux | scandale* | ridicule | arnaque | mensonge* | menti
        incompéten* | catastroph* | lamentable | déplorable | déçu* | déception | cassé* | défectueu* | abîmé*
        endommagé* | périmé* | moisi* | fuite* | fuit | inondé* | en panne | hors service | impossible | refus*
        inutile | gâché
    """,
    0.5: """
        pas du tout | ne marche | ne fonctionne | n'arrive pas | sans cesse | sans arrêt | sans réponse
        tout le temps | manque | manquait | manquait un | manquant | erreur* | faux | fausse | bloqué* | coincé*
        déborde* | bruit | tiède | froid | froide | brûlé | amer | trop cher | trop cher | trop tard | trop long
        en retard | retard* | facturé* | prélevé* | débité* | s'arrête | s'éteint | plante | déconnecte*
        ouvert il | déchiré* | fendu* | partout | au lieu de | toujours pas | encore une fois | une fois de plus
    """,
    0.4: """
        depuis | attends | attendu | attente | attendre | promet* | promis | relance* | j'appelle | rappelle*
        problème* | panne | remplac* | rembours* | réclam* | annul* | résili* | perdu* | disparu* | deux fois
        trois fois | fois | franchement | vraiment | alors que | pourtant | cependant | toutefois | mais
        même pas | je m'attendais | joindre | n'est jamais | semaine* | des mois | plusieurs
    """,
    0.3: """
        toujours | encore | après | déjà | jours | mois | heures | argent | prix | facture | colis | livraison
        livré*
    """,
    0.1: """
        on | me | ne | n' | votre | vos | vous | c'est | est | sont | ça | cela | service client | technicien
    """,
    -0.3: """
        bonjour | volontiers | noël | joli* | gentil* | pourriez-vous | pouvez-vous | est-ce que | puis-je
        peut-on | combien | quel | quelle | jusqu'à quand | serez-vous | avez-vous | vous livrez | j'hésite
        hésite | bonne | bon | astuce | conseil
    """,
    -0.4: "bonne journée | heureu* | content* | plaisir | patient* | sympa* | rapide",
    -0.5: "merci | remerci* | intéressant* | recommande | drôle | :d | ;)",
    -0.6: """
        super | génial* | parfait* | excellent* | formidable | magnifique | impeccable | bravo | ravi* | adore
        top | grâce à | pas mal | pas de problème | aucun problème | aucun souci | pas de souci | tout marche
        tout remarche | remarche | ça marche | marche vraiment | continuez
    """,
    -0.7: "<link>",
}
