"""French cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            inadmissible | inacceptable | scandaleu* | honte | honteux | réclamation | me plains | me plaindre
            déçu | déçue | très déçu | mécontent* | furieu* | en colère | marre | arnaque | plus jamais
            remboursez | remboursement | débité … deux fois | débitée … deux fois | personne ne répond
            aucune réponse | sans réponse | lamentable | merci pour rien | mise en demeure | mets en demeure
            foutage | imbuvable | infernal | tout ça pour rien | m'attendais à mieux | jamais venu
            jamais venue | rien reçu | et rien | on me promet | de l'eau partout
        """,
        2: """
            reste bloqué | raccroché | au nez | en morceaux | en mille morceaux | ne répond pas | ne répond plus
            rien ne répond | plus rien | une seconde fois | payer deux fois | payer une deuxième fois | rayé
            rayée | tordu
            fissuré | fissurée | brisé | brisée | déchiré | illisible | incompréhensible | jamais rappelé | coincé
            s'est décroché | s'est cassé | s'est cassée | tombe en panne
            ne marche pas | ne fonctionne pas | ne marche plus | ne fonctionne plus | en panne | ne chauffe
            ne ferme plus | ne s'allume | ne démarre | ne s'ouvre | s'arrête | s'éteint | déborde | il manque
            il manquait | au lieu de | périmé | périmés | périmée | moisi | tiède | n'arrive pas à | déconnecte
            pénible | fait un bruit | bruit infernal | fuite | cassé | cassée | défectueu* | abîmé | endommagé
            fuit | toujours pas | pas reçu | jamais reçu | jamais arrivé | encore une fois | troisième fois
            plante | bloqué | erreur | faux | mauvais* | en retard | depuis des semaines | depuis des mois
            avocat | attends | trop cher
        """,
        1: """
            malheureusement | problème* | pourtant | sans arrêt | sans cesse | retard | depuis la mise à jour
            depuis votre dernière mise à jour | bruit
        """,
        -2: "aucun problème | pas de problème | fonctionne à nouveau | marche à nouveau | résolu",
    },
    Category.QUESTION: {
        3: """
            pouvez-vous me dire | pourriez-vous me dire | j'ai une question | une question | je voudrais savoir
            j'aimerais savoir | savez-vous | est-il possible | me rappeler | rappelez-moi | m'appeler
            appelez-moi
        """,
        2: """
            est-ce que | combien | comment | quand | où puis-je | où est | quel | quelle | quels | quelles
            puis-je | peut-on | faut-il | pouvez-vous | pourriez-vous | livrez-vous | vous livrez | y a-t-il
            pourquoi | est-il compris | est-elle comprise | va-t-il | va-t-elle | faites-vous | avez-vous
            serez-vous | êtes-vous | jusqu'à quand | que veut dire | que signifie | j'hésite | à quelle
            de quelle | reprenez-vous | m'envoyer la | m'envoyer le | m'envoyer une
        """,
        1: "?",
    },
    Category.THANKS: {
        3: """
            quel bonheur | quel plaisir | quel délice | très bon article | bel article | je garde
            merci beaucoup | merci infiniment | mille mercis | un grand merci | bravo | merci pour votre aide
            ça marche | tout remarche | remarche | marche vraiment | continuez comme ça | impeccable
            avec plaisir | remerciements
        """,
        2: """
            merci | super | génial | parfait | formidable | excellent* | utile* | ravi | ravie | content
            contente | j'adore | 👍 | :-) | :)
        """,
        1: "bien | bon | bonne",
        -2: """
            merci de me | merci de vous | merci de ne plus | merci de nous | merci d'avance | merci par avance
            merci de supprimer | merci de retirer | merci pour rien
        """,
    },
    Category.UNSUBSCRIBE: {
        3: """
            supprimer mon adresse | retirer mon adresse | ne souhaite plus recevoir | désinscri* | désabonn*
            me retirer de | retirez-moi | supprimez mon adresse | ne plus recevoir | plus de vos mails
            plus de vos messages | plus de vos courriels | merci de ne plus m'envoyer
            merci de ne plus m'écrire | merci de ne plus me contacter | veuillez ne plus | ne plus m'envoyer
            ne plus m'écrire | n'envoyez plus rien | n'envoyez plus de | ne m'écrivez plus
            arrêtez de m'écrire | cessez de m'écrire
            stop pub | plus de pub | merci de me retirer | stop mails | retirer de votre liste | enlevez-moi
            enlever de la liste | supprimez-moi
            rayez-moi | supprimer mon mail | supprimer mon e-mail | supprimez mon mail | supprimez mon e-mail
            arrêtez ces mails | arrêtez vos mails | arrêter ces mails | arrêter vos mails | de cette liste
            me retirer … liste | retirer … de votre liste | pas recevoir … vos mails | plus recevoir vos
            plus recevoir de mails | plus recevoir d'e-mails | plus recevoir de newsletter
            plus recevoir votre newsletter | ne m'envoyez plus de | ne m'envoyez plus rien
            ne m'envoyez plus vos | ne m'envoyez plus ces | arrêtez de m'envoyer | cessez de m'envoyer
            plus de mails | plus d'e-mails | plus de publicité | plus de newsletter
        """,
        1: "liste | spam | publicité",
    },
    Category.CHANGE_OF_DATA: {
        3: """
            nouvelle adresse | déménagé | changement d'adresse | changé d'adresse | mon adresse est
            nouveau numéro | nouvelle adresse e-mail | changé de nom | je m'appelle maintenant | nous habitons
            j'habite maintenant | écrivez-moi à | doit être au nom | déménageons
        """,
        1: "désormais | mettre à jour",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        fumée | feu | incendie | étincelles | brûlé | brûlée | brûlure | blessé | blessée | hôpital | urgences
        dangereu* | choc électrique | électrocut* | explosé
    """,
    (Urgency.HIGH, "data breach"): """
        fuite de données | données d'un autre | données d'autres | de quelqu'un d'autre … mon compte
        commandes de quelqu'un d'autre | compte de quelqu'un d'autre | commandes d'un autre | piraté | cnil
    """,
    (
        Urgency.HIGH,
        "legal",
    ): "avocat | tribunal | justice | porter plainte | poursuites | 60 millions | ufc-que choisir",
    (Urgency.HIGH, "money"): """
        débité … deux fois | débitée … deux fois | prélevé deux fois | facturé deux fois | fraude
        sans mon accord | encaissé deux fois
    """,
    (Urgency.RAISED, "erasure"): """
        effacement de … données | suppression de … données | supprimer … mes données | supprimez … mes données
        effacer … mes données | effacez … mes données | droit à l'oubli | droit à l'effacement
        m'oppose au traitement
    """,
    (Urgency.RAISED, "personal data"): """
        rgpd | données personnelles | données à caractère personnel | traitement de mes données | droit d'accès
        mes données et | données me concernant
    """,
    (Urgency.RAISED, "accessibility"): "aveugle | malvoyant* | lecteur d'écran | handicap* | accessibilité | sourd",
    (Urgency.RAISED, "cancellation"): "résilie* | résiliation | annuler mon abonnement | annulez mon abonnement",
}

DENIALS = "pas | plus | jamais | guère"
DEGREES = "du tout | très | vraiment | trop | un | une"
